"""What is computed from texts whose spans are names: the columns of score_spans.py, and whether the
model knows the people and places of their source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from palimpsest.metrics.familiarity import familiarity_completion, familiarity_probability
from palimpsest.models.generation import greedy_continuations
from palimpsest.tracks.causal import score_spans
from palimpsest.tracks.causal.asked import answer_rows, to_be_written
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.judged import Judge
from palimpsest.tracks.causal.spans import in_spans

if TYPE_CHECKING:
    import pandas as pd

KEPT = score_spans.KEPT
texts = score_spans.texts


def score(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    texts: pd.DataFrame,
    settings: dict,
    reference: torch.nn.Module | None = None,
    judges: Mapping[str, Judge] | None = None,
) -> dict[str, list[np.ndarray] | np.ndarray]:
    """Columns of a score file: also familiarity_probability of every text with names, and
    familiarity_completion of those with a prompt that the model is asked to write. NaN of
    others."""
    columns = score_spans.score(model, tokenizer, examples, texts, settings, reference, judges)
    marks = in_spans(tokenizer, texts["completion"].tolist(), texts["spans"].tolist(), examples)
    answers, aside = texts.iloc[answer_rows(texts)], settings.get("aside", {})
    asked = to_be_written(answers, settings["written"], **aside)
    asked = [i for i in asked if examples.lengths[i] - examples.counted[i] > 1]  # has a prompt
    named = np.full(len(texts), np.nan)
    said = _written(model, tokenizer, examples, asked, settings["batch_size"])
    for i, one in zip(asked, said, strict=True):
        names = set(json.loads(texts["names"].iloc[i]))
        named[i] = familiarity_completion(one, texts["prompt"].iloc[i], names)
    return columns | {
        "familiarity_completion": named,
        "familiarity_probability": np.array(
            list(map(familiarity_probability, columns["logp"], marks))
        ),
    }


def _written(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    asked: Sequence[int],
    batch_size: int,
) -> list[str]:
    """What the model writes after each prompt, at most as many tokens as the text has there."""
    before = [int(examples.lengths[i] - examples.counted[i]) for i in asked]
    prompts = [examples.token_ids[i][:end] for i, end in zip(asked, before, strict=True)]
    most = examples.counted[list(asked)].tolist()
    said = greedy_continuations(model, prompts, most, batch_size, tokenizer.eos_token_id)
    return [tokenizer.decode(ids, skip_special_tokens=True) for ids in said]
