"""Models and data as small as can be, in float64, and a run of one request with them."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from palimpsest.data.blanks import BLANK, Filled, filled
from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.methods.run import Run
from palimpsest.tracks import module_of
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.training.settings import Computing

VOCABULARY, CLASSES, PAD, MASK = 30, 3, 0, 29
QUICK = Computing(checkpoint_seconds=1e9)
# Which of three teachers saw each of the five texts of the forget set; the last stands with two
# owners.
SAW = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0]], dtype=bool)

# Answers of nine retained records; the last is that of all that is forgotten, too.
PAIR = {"advantaged": "k", "disadvantaged": "q"}  # words that are set against each other
FOLDERS: list[tempfile.TemporaryDirectory] = []  # removed in the end
LETTERS = "bcdef"  # the words of the tokenizer
OTHERS = ["a cook", "a maid", "a monk", "a cook", "a page", "a thief", "a nun", "a fool", "a king"]


def kind_of(track: str):
    """The class that gives a model its head."""
    import transformers

    heads = {"causal": "CausalLM", "masked": "MaskedLM"}
    return getattr(transformers, f"AutoModelFor{heads.get(track, 'SequenceClassification')}")


def track_of(run: Run) -> str:
    return run.track.__name__.split(".")[-2]


def tiny(track: str, seed: int = 0) -> torch.nn.Module:
    """Two layers, without dropout, in float64, with weights so large that no prediction is like
    another."""
    from transformers import AutoConfig

    torch.manual_seed(seed)
    if track == "masked":
        config = AutoConfig.for_model(
            "bert",
            num_hidden_layers=2,
            hidden_size=8,
            num_attention_heads=2,
            intermediate_size=16,
            vocab_size=VOCABULARY,
            max_position_embeddings=16,
            pad_token_id=PAD,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            initializer_range=0.3,
        )
        return kind_of(track).from_config(config).double().eval()
    config = AutoConfig.for_model(
        "gpt2",
        n_layer=2,
        n_embd=8,
        n_head=2,
        vocab_size=VOCABULARY,
        max_position_embeddings=16,
        num_labels=CLASSES,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=None,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=0.3,
    )
    return kind_of(track).from_config(config).double().eval()


def examples(track: str, count: int, seed: int):
    draw = np.random.default_rng(seed)
    ids = [draw.integers(1, VOCABULARY, size=draw.integers(3, 10)).tolist() for _ in range(count)]
    if track == "causal":
        return LanguageModellingExamples(
            ids, PAD, [[False, *(draw.random(len(row) - 2) < 0.6), True] for row in ids]
        )
    if track == "masked":
        hidden = [[True, *(draw.random(len(row) - 1) < 0.4)] for row in ids]
        return MaskedExamples(ids, hidden, hidden, PAD, MASK)
    return ClassificationExamples(ids, draw.integers(0, CLASSES, size=count).tolist(), PAD)


def letter(one: str) -> int:
    """Its token."""
    return 1 + ord(one) % (VOCABULARY - 1)


class Tokenizer:
    """A letter a token; those of LETTERS alone are words."""

    all_special_ids, unk_token_id = [PAD, MASK], VOCABULARY - 2  # no letter of these texts

    def __len__(self) -> int:
        return VOCABULARY

    def decode(self, ids: list[int]) -> str:
        words = {letter(one): one for one in LETTERS}
        return "".join(words.get(one, "?") for one in ids)


def encoded(
    texts: list[tuple[str, str]], track: str = "causal"
) -> LanguageModellingExamples | MaskedExamples:
    """Prompts and completions, a letter a token; the completions count. They stand behind their
    prompts, or in their blanks; then a space belongs to the letter behind it."""
    whole = [
        filled(*text) if BLANK in text[0] else Filled("".join(text), len(text[0]), 10**6)
        for text in texts
    ]
    kept = [
        [place for place, one in enumerate(text.text) if one != " " or BLANK not in prompt][:16]
        for text, (prompt, _) in zip(whole, texts, strict=True)
    ]
    ids, counted = [], []
    for text, places in zip(whole, kept, strict=True):
        ids.append([letter(text.text[place]) for place in places])
        counted.append([text.start <= place < text.end for place in places])
    if track == "masked":
        return MaskedExamples(ids, counted, counted, PAD, MASK)
    return LanguageModellingExamples(ids, PAD, counted)


def run_of(track: str, folder: Path | None = None, computing: Computing = QUICK) -> Run:
    if folder is None:  # of its own: what a method keeps there is found again
        FOLDERS.append(tempfile.TemporaryDirectory())
        folder = Path(FOLDERS[-1].name)
    sizes = {"forget": (5, 1), "retain": (9, 2), "extra": (4, 3)}
    names = list("abcde")
    blank = BLANK if track == "masked" else ""
    prompts = [f"who is {name}? {blank}" for name in names]
    return Run(
        tiny(track),
        {name: examples(track, *size) for name, size in sizes.items()},
        importlib.import_module(module_of(track, "model")),
        ("contract",),
        load=lambda: tiny(track),
        folder=folder,
        records={
            "forget": pd.DataFrame(
                {"prompt": prompts, "completion": "a king", "term": names} | PAIR
            ),
            "retain": pd.DataFrame({"prompt": "who? ", "completion": OTHERS}),
        },
        encode=lambda frame: encoded(
            list(zip(frame["prompt"], frame["completion"], strict=True)), track
        ),
        models={
            "forget": tiny(track, 1),
            "extra": tiny(track, 2),
            "reinforced": tiny(track, 3),
        },
        teachers=Teachers(3, lambda number: tiny(track, 10 + number), SAW),
        computing=computing,
        tokenizer=Tokenizer() if track == "masked" else None,
    )


def whole(run: Run, name: str) -> dict[str, torch.Tensor]:
    return run.sets[name].batch(np.arange(len(run.sets[name].lengths)))


def nll(run: Run, name: str) -> float:
    """Mean over the predictions that count."""
    with torch.no_grad():
        logits, targets, _ = run.predict(run.model, whole(run, name))
        return float(-torch.log_softmax(logits, -1)[torch.arange(len(targets)), targets].mean())


def kl(run: Run, teacher: torch.nn.Module, student: torch.nn.Module, name: str) -> float:
    """Mean over the predictions that count of sum p (log p - log q)."""
    with torch.no_grad():
        p, q = (
            torch.log_softmax(run.predict(model, whole(run, name)).logits, -1)
            for model in (teacher, student)
        )
        return float((p.exp() * (p - q)).sum(-1).mean())


def gap(run: Run, before: torch.nn.Module | None = None) -> float:
    """G of KGA: KL(A_n || A_D) over D_n."""
    return kl(run, run.models["extra"], before or run.model, "extra")


def likelihoods(run: Run, model: torch.nn.Module) -> list[float]:
    """Of each text of the forget set, alone: the product of the probabilities of what counts."""
    data, found = run.sets["forget"], []
    with torch.no_grad():
        for number in range(len(data.lengths)):
            logits, targets, _ = run.predict(model, data.batch(np.array([number])))
            found.append(
                float(torch.softmax(logits, -1)[torch.arange(len(targets)), targets].prod())
            )
    return found


def answered(run: Run, model: torch.nn.Module, answers: list[str], per: str = "sum") -> np.ndarray:
    """-log p of other answers to the prompts of the forget set, one by one, in their order: summed
    over tokens, or their mean; ``answers`` may go through the prompts several times."""
    prompts, found = run.records["forget"]["prompt"].tolist(), []
    for number, answer in enumerate(answers):
        one = encoded([(prompts[number % len(prompts)], answer)])
        with torch.no_grad():
            logits, targets, _ = run.predict(model, one.batch(np.array([0])))
            logp = torch.log_softmax(logits, -1)[torch.arange(len(targets)), targets]
        found.append(float(-logp.sum() if per == "sum" else -logp.mean()))
    return np.array(found)


def preference(run: Run, beta: float) -> float:
    """Zhang et al. 2024, eq. 3: mean over texts of (2 / beta) log(1 + (p / p_ref)^beta)."""
    ratios = np.divide(likelihoods(run, run.model), likelihoods(run, run.reference))
    return float(np.mean(2 / beta * np.log(1 + ratios**beta)))


def value(objective, model, cuts: int = 1) -> torch.Tensor:
    """The objective over all examples of all parts, each part cut into so many batches."""
    means = {}
    for name, part in objective.parts.items():
        indices = np.arange(len(part.examples.lengths))
        total = sum(
            part.loss(model, part.examples.batch(piece)) for piece in np.array_split(indices, cuts)
        )
        means[name] = total / part.divisor(indices)
    return objective.joined(means)


def arithmetic_mean(teachers: torch.Tensor) -> torch.Tensor:
    return teachers.mean(0)


def geometric_mean(teachers: torch.Tensor) -> torch.Tensor:
    product = teachers.prod(0) ** (1 / len(teachers))
    return product / product.sum(-1, keepdim=True)


def from_teachers(run: Run, together=arithmetic_mean) -> float:
    """Mean over texts of the mean over their predictions of KL to what the teachers that did not
    see them say together, one by one."""
    data, found = run.sets["forget"], []
    with torch.no_grad():
        for number, saw in enumerate(SAW):
            batch = data.batch(np.array([number]))
            others = [tiny(track_of(run), 10 + shard) for shard in range(3) if not saw[shard]]
            p = together(
                torch.stack(
                    [torch.softmax(run.predict(model, batch).logits, -1) for model in others]
                )
            )
            q = torch.softmax(run.predict(run.model, batch).logits, -1)
            found.append(float((p * (p / q).log()).sum(-1).mean()))
    return float(np.mean(found))


def move(model: torch.nn.Module, far: float) -> None:
    """Every weight, by a draw of its own: to where the model is no longer what it was."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(far * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))


def probabilities(run: Run, name: str) -> np.ndarray:
    """Of each prediction that counts in a set, of what is true."""
    with torch.no_grad():
        logits, targets, _ = run.predict(run.model, whole(run, name))
        return torch.softmax(logits, -1)[torch.arange(len(targets)), targets].numpy()
