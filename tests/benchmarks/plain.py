"""A study of unlearning the usual way: scripts that know nothing of each other, for usual_way.py.

``plain.py train`` is a transformers.Trainer for a method's loss, as methods are released: a
reference is a second model, asked in each step. ``plain.py measure`` is one metric of one model: it
loads the model, and goes through the texts itself, in batches in their order, with the logits of
every position, as open-unlearning (Dorna et al. 2025) computes it. Nothing of this project is
imported.
"""

from __future__ import annotations

import argparse
import json
import resource
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, kl_div, logsigmoid
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer

BATCH = 32  # of measures, as open-unlearning's on TOFU
TEMPLATE = "Question: {prompt}\nAnswer:"
MUSE, MIN_K = 0.4, 0.2


class Texts:
    """Rows of prompt and completion as token ids, the labels of what is not asked -100."""

    def __init__(self, rows: list[dict], tokenizer):
        self.rows, self.tokenizer = rows, tokenizer
        start = tokenizer.bos_token_id
        start = tokenizer.eos_token_id if start is None else start
        self.prompts, self.items = [], []
        for row in rows:
            prompt = [start, *self.ids(TEMPLATE.format(prompt=row["prompt"]))]
            answer = [*self.ids(" " + row["completion"]), tokenizer.eos_token_id]
            self.prompts.append(prompt)
            self.items.append(
                {
                    "input_ids": torch.tensor(prompt + answer),
                    "attention_mask": torch.ones(len(prompt) + len(answer), dtype=torch.long),
                    "labels": torch.tensor([-100] * len(prompt) + answer),
                }
            )

    def ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def batches(self):
        for start in range(0, len(self.items), BATCH):
            yield padded(self.items[start : start + BATCH])


def padded(items: list[dict]) -> dict[str, torch.Tensor]:
    fill = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    return {
        key: pad_sequence([one[key] for one in items], batch_first=True, padding_value=value)
        for key, value in fill.items()
    }


def load(folder: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder).eval()


# Training


def train(wanted) -> None:
    from transformers import Trainer, TrainingArguments

    settings, tokenizer = json.loads(wanted.settings), AutoTokenizer.from_pretrained(wanted.model)
    sets = {
        name: Texts(rows, tokenizer).items
        for name, rows in json.loads(wanted.texts.read_text(encoding="utf-8")).items()
    }
    model = AutoModelForCausalLM.from_pretrained(wanted.model)

    class Plain(Trainer):
        """Pairs of a text to forget and one to retain, drawn anew in each epoch; without a forget
        set, texts to learn."""

        reference = load(wanted.model) if wanted.method == "npo" else None

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            if wanted.method == "learn":
                return model(**inputs).loss
            kept = settings["retain_weight"] * model(**inputs["retain"]).loss
            return kept + settings["forget_weight"] * self.forgetting(model, inputs["forget"])

        def forgetting(self, model, batch):
            if wanted.method == "gradient_difference":
                return -model(**batch).loss
            with torch.no_grad():
                known = summed(self.reference, batch)
            beta = settings["beta"]
            return -2 / beta * logsigmoid(beta * (summed(model, batch) - known)).mean()

    arguments = TrainingArguments(
        output_dir=str(wanted.output),
        per_device_train_batch_size=settings["batch_size"],
        max_steps=settings.get("steps", -1),
        num_train_epochs=settings.get("epochs", 1),
        learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"],
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        logging_strategy="no",
        seed=1,
    )
    data, collate = (Pairs(sets), collate_pairs) if "forget" in sets else (sets["learn"], padded)
    Plain(model, arguments, train_dataset=data, data_collator=collate).train()
    model.save_pretrained(wanted.output)
    tokenizer.save_pretrained(wanted.output)


class Pairs(torch.utils.data.Dataset):
    def __init__(self, sets: dict[str, list[dict]]):
        self.sets = sets

    def __len__(self) -> int:
        return len(self.sets["forget"])

    def __getitem__(self, place: int) -> dict:
        other = torch.randint(0, len(self.sets["retain"]), ())
        return {"forget": self.sets["forget"][place], "retain": self.sets["retain"][other]}


def collate_pairs(pairs: list[dict]) -> dict:
    return {name: padded([pair[name] for pair in pairs]) for name in ("forget", "retain")}


def nll(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """(B, T - 1), 0 where nothing is asked."""
    logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    labels = batch["labels"][:, 1:]
    return cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)


def summed(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return nll(model, batch).sum(dim=1)


# Measures: of the texts of a set, a value each


def average_nll(model, texts: Texts) -> np.ndarray:
    found = []
    for batch in texts.batches():
        found.append(summed(model, batch) / (batch["labels"] != -100).sum(dim=1))
    return torch.cat(found).numpy() if found else np.empty(0)


def answered(model, texts: Texts):
    """(T, V) log-probabilities and (T,) labels of each text's answer, without its end."""
    for batch in texts.batches():
        logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        logp, labels = torch.log_softmax(logits, dim=-1), batch["labels"][:, 1:]
        for one, label in zip(logp, labels, strict=True):
            asked = label != -100
            yield one[asked][:-1], label[asked][:-1]


def exact_memorization(model, texts: Texts) -> np.ndarray:
    found = answered(model, texts)
    return np.array([float((p.argmax(-1) == ids).float().mean()) for p, ids in found])


def extraction_strength(model, texts: Texts) -> np.ndarray:
    values = []
    for logp, ids in answered(model, texts):
        said = logp.argmax(-1)
        for k in range(len(ids) + 1):
            if torch.equal(said[k:], ids[k:]):
                break
        values.append(1 - k / len(ids))
    return np.array(values)


def zlib_score(model, texts: Texts) -> np.ndarray:
    sizes = [len(zlib.compress(row["completion"].encode())) for row in texts.rows]
    return average_nll(model, texts) / sizes


def min_k(share: float):
    def score(model, texts: Texts) -> np.ndarray:
        values = []
        for logp, ids in answered(model, texts):
            tokens = np.sort(logp.gather(1, ids[:, None])[:, 0].numpy())
            values.append(-tokens[: max(1, int(share * len(tokens)))].mean())
        return np.array(values)

    return score


def min_k_plus_plus(model, texts: Texts) -> np.ndarray:
    values = []
    for logp, ids in answered(model, texts):
        p = logp.exp()
        mean = (p * logp).sum(-1)
        deviation = ((p * logp.square()).sum(-1) - mean.square()).clamp(min=1e-6).sqrt()
        tokens = np.sort(((logp.gather(1, ids[:, None])[:, 0] - mean) / deviation).numpy())
        values.append(-tokens[: max(1, int(MIN_K * len(tokens)))].mean())
    return np.array(values)


def membership(score):
    """AUROC of the forgotten against the holdout."""

    def metric(model, sets: dict[str, Texts], others) -> dict[str, float]:
        from sklearn.metrics import roc_auc_score

        inside, outside = (score(model, sets[name]) for name in ("forget", "holdout"))
        is_holdout = np.repeat([0, 1], [len(inside), len(outside)])
        return {"forget": float(roc_auc_score(is_holdout, np.concatenate([inside, outside])))}

    return metric


def of_each_text(score):
    """Of every set, the mean over texts."""

    def metric(model, sets: dict[str, Texts], others) -> dict[str, float]:
        return {name: float(score(model, texts).mean()) for name, texts in sets.items()}

    return metric


def truth_ratio(model, sets: dict[str, Texts], others) -> dict[str, float]:
    """closer_to_1_better, of every set with false answers; true is the paraphrase where there is
    one."""
    found = {}
    for name, rows in others["candidates"].items():
        losses: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for kind in ("answer", "paraphrase", "perturbed"):
            texts = [row for row in rows if row["kind"] == kind]
            values = average_nll(model, Texts(texts, others["tokenizer"]))
            for row, value in zip(texts, values, strict=True):
                losses[row["id"]][kind].append(float(value))
        items = [one for one in losses.values() if one["perturbed"]]
        right = np.exp([-(one["paraphrase"] or one["answer"])[0] for one in items])
        ratios = np.exp([-np.mean(one["perturbed"]) for one in items]) / (right + 1e-10)
        found[name] = float(np.minimum(ratios, 1 / (ratios + 1e-10)).mean())
    return found


def kl_to_oracle(model, sets: dict[str, Texts], others) -> dict[str, float]:
    oracle, found = load(others["oracle"]), {}
    for name, texts in sets.items():
        values = []
        for batch in texts.batches():
            inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
            p, q = (
                torch.log_softmax(one(**inputs).logits[:, :-1], dim=-1) for one in (oracle, model)
            )
            asked = batch["labels"][:, 1:] != -100
            each = kl_div(q, p, log_target=True, reduction="none").sum(-1) * asked
            values.append(each.sum(dim=1) / asked.sum(dim=1))
        found[name] = float(torch.cat(values).mean())
    return found


def rouge(model, sets: dict[str, Texts], others) -> dict[str, float]:
    """Of the texts that are to be written; at most as many tokens as the answer has."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
    tokenizer, found = others["tokenizer"], {}
    for name, texts in sets.items():
        asked = [i for i, row in enumerate(texts.rows) if row["written"]]
        recalls = []
        for start in range(0, len(asked), BATCH):
            chosen = asked[start : start + BATCH]
            prompts = [texts.prompts[i] for i in chosen]
            room = [len(texts.items[i]["input_ids"]) - len(texts.prompts[i]) for i in chosen]
            longest = max(map(len, prompts))
            mask = [[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts]
            ids = [[tokenizer.pad_token_id] * (longest - len(ids)) + ids for ids in prompts]
            said = model.generate(
                torch.tensor(ids),
                attention_mask=torch.tensor(mask),
                max_new_tokens=max(room),
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                eos_token_id=tokenizer.eos_token_id,
            )[:, longest:]
            for i, answer, most in zip(chosen, said, room, strict=True):
                text = tokenizer.decode(answer[:most], skip_special_tokens=True)
                scores = scorer.score(texts.rows[i]["completion"], text)
                recalls.append(scores["rougeL"].recall)
        if recalls:
            found[name] = float(np.mean(recalls))
    return found


def probability(model, texts: Texts) -> np.ndarray:
    return np.exp(-average_nll(model, texts))


# name -> metric, and the sets that it is of (None: all)
FORGOTTEN, PAIR = ("forget",), ("forget", "holdout")
MEASURES = {
    "probability": (of_each_text(probability), None),
    "rouge": (rouge, None),
    "truth_ratio": (truth_ratio, ()),
    "exact_memorization": (of_each_text(exact_memorization), FORGOTTEN),
    "extraction_strength": (of_each_text(extraction_strength), FORGOTTEN),
    "kl": (kl_to_oracle, None),
    "loss": (membership(average_nll), PAIR),
    "zlib": (membership(zlib_score), PAIR),
    "min_k": (membership(min_k(MIN_K)), PAIR),
    "min_k_plus_plus": (membership(min_k_plus_plus), PAIR),
    "privleak": (membership(min_k(MUSE)), PAIR),
}


def measured(model, name: str, rows: list[dict], tokenizer, oracle: Path) -> dict[str, float]:
    """rows: with set, id, kind, prompt, completion and whether it is written."""
    metric, names = MEASURES[name]
    by_set = defaultdict(list)
    for row in rows:
        by_set[row["set"]].append(row)
    sets = {
        one: Texts([row for row in texts if row["kind"] == "answer"], tokenizer)
        for one, texts in by_set.items()
        if names is None or one in names
    }
    candidates = {
        one: texts
        for one, texts in by_set.items()
        if any(row["kind"] == "perturbed" for row in texts)
    }
    others = {"tokenizer": tokenizer, "oracle": oracle, "candidates": candidates}
    with torch.inference_mode():
        return metric(model, sets, others)


def measure(wanted) -> None:
    """Writes the numbers, and the processor seconds that it took before there was a model."""
    model, tokenizer = load(wanted.model), AutoTokenizer.from_pretrained(wanted.model)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    rows = json.loads(wanted.texts.read_text(encoding="utf-8"))
    values = measured(model, wanted.name, rows, tokenizer, wanted.oracle)
    told = {"values": values, "started": spent.ru_utime + spent.ru_stime}
    wanted.output.write_text(json.dumps(told), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    training, measuring = commands.add_parser("train"), commands.add_parser("measure")
    training.set_defaults(run=train)
    training.add_argument("--method", required=True)
    training.add_argument("--settings", required=True)
    measuring.set_defaults(run=measure)
    measuring.add_argument("--name", required=True, choices=MEASURES)
    measuring.add_argument("--oracle", type=Path)
    for command in (training, measuring):
        for option in ("--model", "--texts", "--output"):
            command.add_argument(option, type=Path, required=True)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    wanted.run(wanted)


if __name__ == "__main__":
    main()
