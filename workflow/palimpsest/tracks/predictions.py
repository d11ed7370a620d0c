"""What a model of any track says, where a loss counts."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Predictions(NamedTuple):
    """logits (N, K): of the N predictions that count in a batch, over K classes or tokens; targets (N,): what is true; rows (N,): which
    example of the batch each belongs to, ascending."""

    logits: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor
