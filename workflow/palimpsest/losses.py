"""Losses as pure functions of tensors. Each returns a sum over what counts; the loop divides by the number counted in the whole batch,
so that neither padding nor the way a batch is split changes an update."""

from __future__ import annotations

import torch
from torch.nn import functional


def cross_entropy_sum(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """logits (B, C), labels (B,) int -> (): sum over examples of -log softmax(logits)[label], in nats, in float32."""
    return functional.cross_entropy(logits.float(), labels, reduction="sum")
