"""What a causal model is pretrained on: the next token, in blocks of text."""

from __future__ import annotations

import numpy as np

from palimpsest.models.causal import make_causal as make
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.model import predict
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood

__all__ = ["make", "marks", "objective"]


def marks(tokenizer) -> tuple[list[int], int, list[int]]:
    """Ids that stand at the beginning of a block, after each file, and at the end of a block."""
    return [], tokenizer.eos_token_id, []


def objective(blocks: np.ndarray, tokenizer, *names: object) -> Objective:
    """blocks (n, T) of ids. No draw is made."""
    examples = LanguageModellingExamples(blocks.tolist(), tokenizer.pad_token_id)
    return Objective({"train": Part(examples, negative_log_likelihood(predict))})
