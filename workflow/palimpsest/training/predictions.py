"""Predictions of a model of any track where a loss counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from palimpsest.training.losses import cross_entropy_sum


class Predictions(NamedTuple):
    """logits (N, K): of the N predictions that count in a batch, over K classes or tokens; targets
    (N,): what is true; rows (N,): which example of the batch each belongs to, ascending."""

    logits: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor


Loss = Callable[[torch.nn.Module, dict[str, torch.Tensor]], torch.Tensor]
Predict = Callable[[torch.nn.Module, dict[str, torch.Tensor]], Predictions]


def negative_log_likelihood(predict: Predict) -> Loss:
    """The loss that models are trained by: (model, batch) -> the sum over all predictions that
    count of -log p(target), in nats."""

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        predictions = predict(model, batch)
        return cross_entropy_sum(predictions.logits, predictions.targets)

    return loss
