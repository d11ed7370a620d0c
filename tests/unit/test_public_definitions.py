"""Every number of the table that public benchmarks define, a second time: from the logits of plain
passes, a text at a time, by the definitions of open-unlearning (Dorna et al. 2025) as they are
written there, with scikit-learn, scipy and rouge-score. Nothing of palimpsest.metrics is used."""

from __future__ import annotations

import zlib
from collections import defaultdict
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
import torch
from rouge_score.rouge_scorer import RougeScorer
from scipy.spatial.distance import jensenshannon
from scipy.stats import hmean, ks_2samp
from sklearn.metrics import roc_auc_score
from stepping import call
from tokenizers import Tokenizer, models
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.metrics.memorization import extraction_strength
from palimpsest.tracks.causal import model as causal
from palimpsest.tracks.causal import score
from palimpsest.tracks.causal.stored import token_scores_of

WORDS = "a the old new red sea man hat cat dog sat ran ate saw met is was in on to of it".split()
PAD, END = 0, 1
IDS = {word: number for number, word in enumerate(["[PAD]", "[END]", *WORDS])}
TINY = 1e-10  # what open-unlearning adds to what it divides by
# owner, split, part, records, whether they have a paraphrase
GROUPS = {
    "forget": ("f", "train", "", 7, True),
    "retain": ("k", "train", "", 6, True),
    "holdout": ("h", "holdout", "", 8, False),
    "real_authors": ("", "test", "real_authors", 5, False),
    "world_facts": ("", "test", "world_facts", 5, False),
}
# numbers of the table that no public benchmark defines, or by another scale: by hand elsewhere
OTHERS = {
    "memorization_accuracy", "extraction_likelihood", "jensen_shannon_reversed", "distinct_1",
    "distinct_2", "repetition", "ngram_entropy", "written_perplexity", "lpd", "pdlp",
    *(f"membership_tpr{end}" for end in ("", "_zlib", "_min_k", "_min_k_plus_plus", "_reference")),
}  # fmt: skip


def sentence(draw: np.random.Generator, least: int, most: int) -> str:
    return " ".join(draw.choice(WORDS, size=draw.integers(least, most + 1)))


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    """With lists of paraphrases and of false answers; none of the holdout."""
    draw, rows = np.random.default_rng(3), []
    for name, (owner, split, part, count, other) in GROUPS.items():
        for number in range(count):
            false = [sentence(draw, 2, 6) for _ in range(3)] if name != "holdout" else []
            rows.append({
                "record_id": f"{name}{number}", "owner": owner or f"{name}{number}",
                "split": split, "part": part, "group": name, "prompt": sentence(draw, 2, 5),
                "completion": sentence(draw, 3, 12), "false": false,
                "paraphrase": sentence(draw, 3, 8) if other else "",
            })  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def of_models() -> dict[str, torch.nn.Module]:
    """In float64, wide of weights, so that words differ in probability."""
    made = {}
    for seed, name in enumerate(("npo", "oracle", "base")):
        torch.manual_seed(seed)
        config = AutoConfig.for_model(
            "gpt2", n_layer=2, n_embd=16, n_head=2, vocab_size=len(IDS), n_positions=32,
            pad_token_id=PAD, bos_token_id=None, eos_token_id=END, initializer_range=0.4,
        )  # fmt: skip
        made[name] = AutoModelForCausalLM.from_config(config).double().eval()
    return made


@pytest.fixture(scope="module")
def tables(records, of_models, tmp_path_factory) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The table of `npo` as the workflow makes it, and the scores that it is made from."""
    folder, tokenizer = tmp_path_factory.mktemp("table"), words()
    sets = {
        "forget": ["forget"],
        "trained": ["retain"],
        "heldout": ["holdout", "real_authors", "world_facts"],
    }
    others = records[["record_id", "false", "paraphrase"]].to_dict("records")
    candidates = pd.DataFrame(
        [
            {"record_id": one["record_id"], "kind": kind, "number": number, "completion": text}
            for one in others
            for kind, texts in (
                ("perturbed", one["false"]),
                ("paraphrase", filter(None, [one["paraphrase"]])),
            )
            for number, text in enumerate(texts, 1)
        ]
    )
    asked = {"batch_size": 4, "written": 99, "ngram": 2, "rouge_words": "ascii"}
    encoding = {"prompt": "{prompt} {completion}", "max_length": 32}
    scores = {}
    for name, model in of_models.items():
        for set_, groups in sets.items():
            rows = records[records["group"].isin(groups)].reset_index(drop=True)
            texts = score.texts(rows.drop(columns=["false", "paraphrase"]), candidates)
            examples, _ = causal.encode(texts, tokenizer, encoding)
            told = score.score(model, tokenizer, examples, texts, asked, of_models["oracle"])
            scores[f"{name}/{set_}"] = texts[["record_id", *score.KEPT]].assign(**told)
            write_parquet(scores[f"{name}/{set_}"], folder / f"{name}-{set_}")
    given = {name: f"npo-{name}" for name in sets} | {
        "oracle/forget": "oracle-forget",
        "oracle/heldout": "oracle-heldout",
        "base/forget": "base-forget",
    }
    write_parquet(records[["record_id", "owner", "split", "part"]], folder / "index")
    (folder / "ledger").write_text("request\towners\nr1\tf\n")
    options = [part for name, file in given.items() for part in ("--given", name, folder / file)]
    options += ["--index", folder / "index", "--ledger", folder / "ledger"]
    settings = {
        "study": "s", "seed": 1, "method": "npo", "state": "r1", "model": "gpt2", "bootstrap": 5,
        "level": 0.95, "space": 4, "truth": "code", "measurer": "palimpsest.tracks.causal.measure",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:  # so few texts are no sample, but have numbers
        patch.setattr("palimpsest.tracks.causal.numbers.can_tell", lambda *counts: True)
        call("measure", *options, "--output", folder / "out", **settings)
    return read_parquet(folder / "out"), scores


def words() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.WordLevel(IDS))
    backend.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", eos_token="[END]", bos_token="[END]"
    )


class Plain:
    """One model's passes over one text each, and what open-unlearning computes of them."""

    def __init__(self, model: torch.nn.Module):
        self.model = model
        self.logp, self.says = (lru_cache(None)(one) for one in (self._logp, self._says))

    @torch.no_grad()
    def _logp(self, prompt: str, answer: str) -> tuple[np.ndarray, list[int]]:
        """(T, V) log-probabilities of what could stand at each token of the answer, and the tokens;
        the end is the last."""
        before = [END, *(IDS[word] for word in prompt.split())]
        labels = [*(IDS[word] for word in answer.split()), END]
        logits = self.model(torch.tensor([before + labels])).logits[0, len(before) - 1 : -1]
        return torch.log_softmax(logits, dim=-1).numpy(), labels

    @torch.no_grad()
    def _says(self, prompt: str, most: int) -> str:
        """Greedily, token by token."""
        ids = [END, *(IDS[word] for word in prompt.split())]
        start = len(ids)
        while len(ids) < start + most and (len(ids) == start or ids[-1] != END):
            ids.append(int(self.model(torch.tensor([ids])).logits[0, -1].argmax()))
        return " ".join(WORDS[number - 2] for number in ids[start:] if number > END)

    def average_nll(self, prompt: str, answer: str) -> float:
        logp, labels = self.logp(prompt, answer)
        return -float(np.mean(logp[np.arange(len(labels)), labels]))

    def probability(self, prompt: str, answer: str) -> float:
        return np.exp(-self.average_nll(prompt, answer))

    def without_end(self, one: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(T, V), the likeliest tokens, and the right ones."""
        logp, labels = self.logp(one["prompt"], one["completion"])
        return logp[:-1], logp[:-1].argmax(axis=1), np.array(labels[:-1])

    def exact_memorization(self, one: dict) -> float:
        _, said, labels = self.without_end(one)
        return float(np.mean(said == labels))

    def extraction_strength(self, one: dict, released: bool) -> float:
        """In the released code, k stays |y| - 1 where even the last token is wrong."""
        _, said, labels = self.without_end(one)
        for k in range(len(labels)):
            if np.array_equal(said[k:], labels[k:]):
                break
        else:
            k = len(labels) - 1 if released else len(labels)
        return 1 - k / len(labels)

    def truth_ratio(self, one: dict) -> float:
        """exp of the mean loss of false answers, over the probability of the true one."""
        true = self.average_nll(one["prompt"], one["paraphrase"] or one["completion"])
        false = np.mean([self.average_nll(one["prompt"], answer) for answer in one["false"]])
        return np.exp(-false) / (np.exp(-true) + TINY)

    def among_options(self, one: dict) -> float:
        true = self.probability(one["prompt"], one["completion"])
        false = sum(self.probability(one["prompt"], answer) for answer in one["false"])
        return true / (true + false + TINY)

    def loss(self, one: dict) -> float:
        return self.average_nll(one["prompt"], one["completion"])

    def zlib(self, one: dict) -> float:
        return self.loss(one) / len(zlib.compress(one["completion"].encode()))

    def min_k(self, one: dict, k: float = 0.2) -> float:
        logp, _, labels = self.without_end(one)
        return self.lowest(logp[np.arange(len(labels)), labels], k)

    def min_k_plus_plus(self, one: dict, k: float = 0.2) -> float:
        logp, _, labels = self.without_end(one)
        p = np.exp(logp)
        mean = (p * logp).sum(axis=1)
        deviation = np.sqrt(np.maximum((p * logp**2).sum(axis=1) - mean**2, 1e-6))
        return self.lowest((logp[np.arange(len(labels)), labels] - mean) / deviation, k)

    @staticmethod
    def lowest(values: np.ndarray, k: float) -> float:
        return -float(np.sort(values)[: max(1, int(k * len(values)))].mean())

    def rouge(self, one: dict, other: str = "") -> dict[str, float]:
        """Of as many tokens at most as the answer has, its end included."""
        scorer = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
        said = self.says(one["prompt"], len(one["completion"].split()) + 1)
        found = scorer.score(other or one["completion"], said)
        return {
            "rouge_l_recall": found["rougeL"].recall,
            "rouge_l_f1": found["rougeL"].fmeasure,
            "rouge_1_recall": found["rouge1"].recall,
            "rouge_1_f1": found["rouge1"].fmeasure,
        }


def auc(inside: list[float], outside: list[float]) -> float:
    """As there: the forgotten are 0, the holdout 1, and the score is the loss."""
    return float(roc_auc_score([0] * len(inside) + [1] * len(outside), inside + outside))


def expected(records: pd.DataFrame, made: dict) -> dict[tuple[str, str], float]:
    """(set, metric) -> value."""
    plain, oracle = Plain(made["npo"]), Plain(made["oracle"])
    sets = {name: rows.to_dict("records") for name, rows in records.groupby("group")}
    sets["test"] = sets["real_authors"] + sets["world_facts"]
    found, utility = {}, {}

    def mean(name: str, metric: str, values) -> float:
        found[name, metric] = float(np.mean(list(values)))
        return found[name, metric]

    for name, rows in sets.items():
        known = [plain.probability(one["prompt"], one["completion"]) for one in rows]
        mean(name, "probability", known)
        mean(name, "exact_memorization", map(plain.exact_memorization, rows))
        mean(name, "extraction_strength", (plain.extraction_strength(one, False) for one in rows))
        written = pd.DataFrame([plain.rouge(one) for one in rows])
        for metric in written:
            mean(name, metric, written[metric])
        losses = [plain.logp(one["prompt"], one["completion"]) for one in rows]
        every = np.concatenate([logp[np.arange(len(ids)), ids] for logp, ids in losses])
        found[name, "perplexity"] = float(np.exp(-every.mean()))
        far = [divergences(oracle, plain, one) for one in rows]
        for place, metric in enumerate(("kl", "jensen_shannon")):
            mean(name, metric, (one[place] for one in far))
        if name == "holdout":
            continue
        ratios = np.array([plain.truth_ratio(one) for one in rows])
        mean(name, "truth_ratio_indifference", np.minimum(ratios, 1 / (ratios + TINY)))
        preference = mean(name, "truth_ratio_preference", np.maximum(0, 1 - ratios))
        mean(name, "truth_ratio_probability", 1 / (1 + ratios))
        if rows[0]["paraphrase"]:
            others = (plain.probability(one["prompt"], one["paraphrase"]) for one in rows)
            mean(name, "paraphrase_probability", others)
            recalls = (plain.rouge(one, one["paraphrase"])["rouge_l_recall"] for one in rows)
            mean(name, "rouge_l_recall_paraphrase", recalls)
        elif name != "test":
            known = [plain.among_options(one) for one in rows]
            mean(name, "probability_with_options", known)
        if name not in ("forget", "test"):
            recall = found[name, "rouge_l_recall"]
            utility[name] = [float(np.mean(known)), recall, preference]
    found["test", "model_utility"] = hmean([part for parts in utility.values() for part in parts])
    of_oracle, ours = (
        [model.truth_ratio(one) for one in sets["forget"]] for model in (oracle, plain)
    )
    test = ks_2samp(ours, of_oracle)
    found["forget", "forget_quality"] = float(test.pvalue)
    found["forget", "truth_ratio_ks"] = float(test.statistic)
    attacks = {
        "": plain.loss,
        "_zlib": plain.zlib,
        "_min_k": plain.min_k,
        "_min_k_plus_plus": plain.min_k_plus_plus,
        "_reference": lambda one: plain.loss(one) - oracle.loss(one),
    }
    for end, attack in attacks.items():
        sides = ([attack(one) for one in sets[name]] for name in ("forget", "holdout"))
        found["forget", f"membership_auroc{end}"] = auc(*sides)
    ours, theirs = (
        auc(*([model.min_k(one, 0.4) for one in sets[name]] for name in ("forget", "holdout")))
        for model in (plain, oracle)
    )
    leak = ((1 - ours) - (1 - theirs)) / (1 - theirs + TINY)
    found["forget", "privleak"] = 100 * leak
    found["forget", "relative_auroc"] = 100 * (ours - theirs) / (theirs + TINY)
    return found


def divergences(oracle: Plain, plain: Plain, one: dict) -> tuple[float, float]:
    """Means over the tokens of an answer."""
    p, q = (np.exp(model.logp(one["prompt"], one["completion"])[0]) for model in (oracle, plain))
    return float((p * np.log(p / q)).sum(axis=1).mean()), float(
        (jensenshannon(p, q, axis=1) ** 2).mean()
    )


def test_every_public_number_of_the_table_again(records, of_models, tables):
    table, _ = tables
    told = {(one["set"], one["metric"]): one["value"] for one in table.to_dict("records")}
    again = expected(records, of_models)
    assert {metric for _, metric in told} - {metric for _, metric in again} == OTHERS
    public = {key: value for key, value in told.items() if key[1] not in OTHERS}
    assert set(public) == set(again)
    assert public == pytest.approx(again, rel=1e-6, abs=1e-6)
    # else the sets could be mistaken for each other
    values = defaultdict(set)
    for (_, metric), value in again.items():
        values[metric].add(round(value, 6))
    assert all(len(values[metric]) >= 4 for metric in ("probability", "rouge_l_recall", "kl"))


def test_the_released_extraction_strength_again(records, of_models, tables):
    _, scores = tables
    plain = Plain(of_models["npo"])
    rows = records[records["group"] == "forget"].to_dict("records")
    answers = scores["npo/forget"]
    told = token_scores_of(answers[answers["kind"] == ""])
    again = np.mean([plain.extraction_strength(one, True) for one in rows])
    assert extraction_strength(told, released=True) == pytest.approx(again, abs=1e-6)
    assert again > np.mean([plain.extraction_strength(one, False) for one in rows])


def test_written_scores_are_those_of_plain_passes(records, of_models, tables):
    """Token by token, of true and false answers."""
    _, scores = tables
    plain, by_id = Plain(of_models["npo"]), records.set_index("record_id")
    for name in ("forget", "trained", "heldout"):
        for row in scores[f"npo/{name}"].to_dict("records"):
            record = by_id.loc[row["record_id"]]
            answer = {
                "": record["completion"],
                "paraphrase": record["paraphrase"],
                "perturbed": [*record["false"], ""][row["number"] - 1],
            }[row["kind"]]
            logp, labels = plain.logp(record["prompt"], answer)
            np.testing.assert_allclose(
                row["logp"], logp[np.arange(len(labels)), labels], rtol=1e-6, atol=1e-6
            )
            assert (row["correct"] == (logp.argmax(axis=1) == labels)).all()
