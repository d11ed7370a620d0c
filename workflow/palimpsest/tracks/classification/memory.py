"""How well a classifier remembers examples: numbers that are watched while a method makes it forget
them."""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.tracks.classification.score import log_probabilities

MEMORIZATION_METRICS = ("log_likelihood",)
BATCH = 64


def memory(model: torch.nn.Module, examples: ClassificationExamples) -> dict[str, float]:
    """Mean log-likelihood of the labels of the examples, in nats."""
    logp = log_probabilities(model, examples, BATCH)
    return {"log_likelihood": float(logp[np.arange(len(logp)), examples.labels].mean())}


def extractable(
    model: torch.nn.Module, tokenizer, examples, n: int, *names: object
) -> dict[str, float]:
    """Nothing: a classifier writes no text."""
    return {}
