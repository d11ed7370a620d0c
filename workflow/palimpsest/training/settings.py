"""What the loop takes of a method's settings."""

from __future__ import annotations

import typing
from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """How a method trains: what the loop takes of its settings (palimpsest.training.loop).

    Rate, epochs, batch and linear decay are open-unlearning's; its weight decay of 0.01 and its
    epoch of warm-up on TOFU, which NPO's authors have, too, are left to studies. The gradient is
    clipped at 1, as transformers' Trainer does.
    """

    learning_rate: float = 1e-5
    epochs: int = 10
    batch_size: int | None = 32  # None: the whole forget set at once
    micro_batch_size: int | None = None
    weight_decay: float = 0.0
    clip_norm: float | None = 1.0
    warmup_share: float = 0.0
    schedule: typing.Literal["linear", "constant"] = "linear"
    betas: tuple[float, float] = (0.9, 0.999)
    dropout: bool = True
    # sequential: forget what the request names, from the method's own model of the request before;
    # batch: all requests up to it at once, from the base
    order: typing.Literal["sequential", "batch"] = "sequential"
