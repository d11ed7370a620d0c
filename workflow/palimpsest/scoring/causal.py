"""What a causal model says of each counted token: one forward pass a text, from which every metric
of single tokens follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from palimpsest.likelihood import counted_logits
from palimpsest.metrics.memorization import memorization_accuracy, perplexity
from palimpsest.metrics.tokens import TokenScores
from palimpsest.randomness import numpy_generator
from palimpsest.scoring.compared import ROWS, Compared
from palimpsest.scoring.extracted import extracted
from palimpsest.scoring.written import likelihood_of_extraction, written
from palimpsest.training.language_modelling import LanguageModellingExamples


@dataclass(frozen=True)
class Rows:
    """Which rows of a set are asked what: texts (n,), the completions; positions of the records'
    own, of those that are to be written, and of planted secrets, each followed by its
    alternatives."""

    texts: list[str]
    own: list[int]
    written: list[int]
    planted: dict[str, list[int]]


# what tells that a text is known, of ``memory`` and ``extractable``
KNOWN = ("memorization_accuracy", "extraction_likelihood")
BATCH = 32
EXTRACTED = 16  # texts that `extractable` looks at


@torch.inference_mode()
def token_scores(
    model: torch.nn.Module,
    examples: LanguageModellingExamples,
    batch_size: int,
    against: Compared | None = None,
) -> TokenScores:
    """Scores of the counted tokens of n texts, in the order of ``examples``; the model is left in
    evaluation mode.

    Batches hold texts of like length, and none holds both texts that are to be compared and others.
    The logits of a batch, (N, V) of its N counted tokens, are the most that is held at a time,
    twice that where they are held ``against`` a reference's.
    """
    model.eval()
    offsets = np.append(0, np.cumsum(examples.counted))
    kinds = {"logp": np.float32, "correct": bool, "mean": np.float32, "deviation": np.float32}
    scores = {name: np.empty(offsets[-1], dtype=kind) for name, kind in kinds.items()}
    compared = against.asked if against else np.zeros(len(examples.lengths), dtype=bool)
    for indices in [
        *_batches(examples, compared, batch_size),
        *_batches(examples, ~compared, batch_size),
    ]:
        batch = {key: value.to(model.device) for key, value in examples.batch(indices).items()}
        logits, tokens = counted_logits(model, batch)
        if against and compared[indices[0]]:
            against.show(indices, batch, logits)
        parts = [
            score_tokens(*part) for part in zip(logits.split(ROWS), tokens.split(ROWS), strict=True)
        ]
        places = np.concatenate(
            [np.arange(offsets[index], offsets[index + 1]) for index in indices]
        )
        for name, values in zip(scores, zip(*parts, strict=True), strict=True):
            scores[name][places] = torch.cat(values).cpu().numpy()
    return TokenScores(offsets, **scores)


def _batches(
    examples: LanguageModellingExamples, chosen: np.ndarray, size: int
) -> list[np.ndarray]:
    """Positions of the examples ``chosen`` (n,) bool, by length."""
    order = np.argsort(examples.lengths, kind="stable")
    order = order[chosen[order]]
    return [order[start : start + size] for start in range(0, len(order), size)]


def score_tokens(
    logits: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """logits (N, V), tokens (N,) int -> logp, correct, mean, deviation, each (N,), in float32 and
    nats; see ``TokenScores``.

    mean and deviation are those of log p(v) for v ~ p (Zhang et al. 2025, Min-K%++). The deviation
    is taken around the mean: of a nearly certain or a nearly uniform prediction the difference of
    the moments would leave rounding alone.
    """
    log_probabilities = torch.log_softmax(logits.float(), dim=-1)
    logp = log_probabilities.gather(1, tokens[:, None])[:, 0]
    correct = logits.argmax(dim=-1) == tokens  # the first of equal ones
    probabilities = log_probabilities.exp()
    # 0 log 0 = 0
    log_probabilities = log_probabilities.masked_fill(log_probabilities == -torch.inf, 0)
    mean = (probabilities * log_probabilities).sum(dim=-1)
    variance = (probabilities * (log_probabilities - mean[:, None]).square()).sum(dim=-1)
    return logp, correct, mean, variance.sqrt()


def memory(model: torch.nn.Module, examples: LanguageModellingExamples) -> dict[str, float]:
    """How well the model knows texts (Jang et al. 2023): memorization accuracy; and perplexity,
    which no method stops by."""
    scores = token_scores(model, examples, BATCH)
    return {
        "memorization_accuracy": float(memorization_accuracy(scores)),
        "perplexity": float(perplexity(scores)),
    }


def extractable(
    model: torch.nn.Module, tokenizer, examples: LanguageModellingExamples, n: int, *names: object
) -> dict[str, float]:
    """Mean EL_n of what the model writes (Jang et al. 2023): slow, so of some texts alone, of more
    than n tokens, which ``names`` draw. Nothing where there is none."""
    long = np.flatnonzero(examples.counted > n)
    some = long[numpy_generator(*names, "extractable").permutation(len(long))[:EXTRACTED]].tolist()
    return (
        {
            "extraction_likelihood": likelihood_of_extraction(
                model, examples, some, n, tokenizer.eos_token_id, BATCH
            )
        }
        if some
        else {}
    )


def tell(
    model, tokenizer, examples: LanguageModellingExamples, rows: Rows, settings: dict
) -> dict[str, np.ndarray]:
    """Further columns, NaN of rows that are not asked: what the model writes (`ngram`: n of EL_n),
    and the secrets that can be got out of it (`beams`, `samples`)."""
    size = settings["batch_size"]
    found = written(model, tokenizer, examples, rows.texts, rows.written, settings["ngram"], size)
    if rows.planted:
        found |= extracted(model, examples, rows.planted, settings["beams"], settings["samples"])
    return found


def score(
    model: torch.nn.Module,
    examples: LanguageModellingExamples,
    batch_size: int,
    reference: torch.nn.Module | None = None,
    asked: Sequence[int] = (),
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """Columns of a score file, a list of the counted tokens' values each: logp, correct, mean,
    deviation (metrics.tokens); and of the texts ``asked`` how far the model lies from the
    ``reference``, where there is one."""
    against = Compared(reference, examples, asked) if reference is not None else None
    scores = token_scores(model, examples, batch_size, against)
    cuts = scores.offsets[1:-1]
    columns = {
        name: np.split(getattr(scores, name), cuts)
        for name in ("logp", "correct", "mean", "deviation")
    }
    return columns | (against.found if against else {})
