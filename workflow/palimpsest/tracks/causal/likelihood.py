"""Predictions of a causal model for each token: the only place that shifts, masks and gathers."""

from __future__ import annotations

import torch


def counted_logits(
    model: torch.nn.Module, batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, V) of a batch's N counted tokens and the tokens' ids (N,), row after row, left to
    right.

    batch: input_ids (B, T), attention_mask (B, T) and counted (B, T) bool. Token t is predicted at
    position t - 1, so the first of a row, which nothing predicts, must not be counted (ValueError).
    The model takes hidden states to its head at these positions alone (`logits_to_keep`): over a
    vocabulary, the head is the larger half of a small model's work.
    """
    counted = batch["counted"]
    if counted[:, 0].any():
        raise ValueError("the first token of a row has no prediction, so it cannot count")
    predicting = counted.roll(-1, dims=1)  # nothing wraps around: the first column holds no True
    output = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        logits_to_keep=predicting,
        use_cache=False,
    )
    return output.logits, batch["input_ids"][counted]
