"""What is computed from texts of which spans are sensitive: the columns of score.py, and what is
known by heart of the spans. A module of its own, so that studies without spans are not scored
anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.metrics.extraction import extraction_likelihood
from palimpsest.metrics.sensitive import (
    probability_within,
    sensitive_extraction_likelihood,
    sensitive_memorization_accuracy,
)
from palimpsest.models.generation import greedy_suffixes
from palimpsest.tracks.causal import score as plain
from palimpsest.tracks.causal.asked import answer_rows, to_be_written
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.judged import Judge
from palimpsest.tracks.causal.spans import in_spans

if TYPE_CHECKING:
    import pandas as pd

KEPT = plain.KEPT
texts = plain.texts


def score(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    texts: pd.DataFrame,
    settings: dict,
    reference: torch.nn.Module | None = None,
    judges: Mapping[str, Judge] | None = None,
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """Columns of a score file: also what is known by heart of every text with spans, in them and of
    the rest, and sensitive_extraction_likelihood of those among them that the model is asked to
    write. NaN of others."""
    # no text is longer, so that EL is left out there: it comes of the same continuations as S-EL
    without = settings | {"ngram": int(examples.counted.max())}
    columns = plain.score(model, tokenizer, examples, texts, without, reference, judges)
    marks = in_spans(tokenizer, texts["completion"].tolist(), texts["spans"].tolist(), examples)
    rest = [~one & one.any() for one in marks]
    asked = to_be_written(texts.iloc[answer_rows(texts)], settings["written"])
    of_texts = {
        "sensitive_memorization_accuracy": (sensitive_memorization_accuracy, "correct", marks),
        "rest_memorization_accuracy": (sensitive_memorization_accuracy, "correct", rest),
        "sensitive_probability": (probability_within, "logp", marks),
        "rest_probability": (probability_within, "logp", rest),
    }
    return columns | {
        **_extracted(model, tokenizer, examples, marks, asked, settings),
        **{
            name: np.array(list(map(function, columns[values], chosen)))
            for name, (function, values, chosen) in of_texts.items()
        },
    }


def _extracted(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    marks: list[np.ndarray],
    asked: Sequence[int],
    settings: dict,
) -> dict[str, np.ndarray]:
    """(n,) EL_n of the texts ``asked`` that are longer, and S-EL_n of those with a span of n. The
    first prefix is all that stands before the completion, or for EL_n its first token, too."""
    found, sensitive_found = np.full((2, len(marks)), np.nan)
    n = settings["ngram"]
    long = [bool((np.convolve(mark, np.ones(n)) >= n).any()) for mark in marks]  # n in one span
    chosen = [i for i in asked if long[i] or len(marks[i]) > n]
    before = [int(examples.lengths[i] - examples.counted[i]) for i in chosen]
    suffixes = greedy_suffixes(
        model,
        [examples.token_ids[i] for i in chosen],
        settings["batch_size"],
        tokenizer.eos_token_id,
        before,
    )
    for i, first, written in zip(chosen, before, suffixes, strict=True):
        sequence, sensitive = examples.token_ids[i][first - 1 :], [False, *marks[i]]
        if len(marks[i]) > n:
            found[i] = extraction_likelihood(written[1:], sequence[1:], n)
        sensitive_found[i] = sensitive_extraction_likelihood(written, sequence, sensitive, n)
    return {
        "extraction_likelihood": found,
        "sensitive_extraction_likelihood": sensitive_found,
    }
