"""How well a masked model remembers texts: numbers that are watched while a method makes it forget
them."""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.tracks.masked.model import predict
from palimpsest.training.losses import cross_entropy_sum

MEMORIZATION_METRICS = ("log_likelihood",)
BATCH = 64


@torch.inference_mode()
def memory(model: torch.nn.Module, examples: MaskedExamples) -> dict[str, float]:
    """Mean log-likelihood of hidden tokens, in nats."""
    model.eval()
    order, total = np.argsort(examples.lengths, kind="stable"), 0.0
    for start in range(0, len(order), BATCH):
        batch = examples.batch(order[start : start + BATCH])
        batch = {key: value.to(model.device) for key, value in batch.items()}
        total -= float(cross_entropy_sum(*predict(model, batch)[:2]))
    return {"log_likelihood": total / float(examples.counted.sum())}


def extractable(
    model: torch.nn.Module, tokenizer, examples, n: int, *names: object
) -> dict[str, float]:
    """Nothing: a masked model writes no text."""
    return {}
