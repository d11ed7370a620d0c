"""quantize: round the weights to few bits; does what a small change of them hid come back?

Methods that move weights little may be undone by rounding: two weights that fall into one cell of
the grid are the same again (Zhang et al. 2025, "Catastrophic Failure of LLM Unlearning via
Quantization"). Rounded are the matrices of the blocks, not embeddings, norms, biases or the head,
as is usual. Each row, the weights of one output, has a grid of its own, symmetric about 0:

    W'_ij = s_i round(W_ij / s_i),   s_i = max_j |W_ij| / (2^(b-1) - 1).

The released tools round groups of 32 to 128 weights of a row, some after calibration on text, and
bitsandbytes to quantiles of a normal distribution: finer grids than this one, at as many bits. What
is saved holds the rounded values as ordinary weights, so that it loads like any model; nothing is
gained in memory or speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from palimpsest.attacks.contract import WeightAttack
from palimpsest.training.settings import Bounds

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings:
    """bits: of a weight, its sign among them."""

    bits: Annotated[int, Bounds(2, 16)] = 8


def change(run: Run, settings: Settings) -> list[str]:
    """No record is shown to the model."""
    import torch

    from palimpsest.models.parts import blocks, neurons

    run.look()
    inside = tuple(f"{name}." for name in blocks(run.model))
    with torch.no_grad():
        for name, module in run.model.named_modules():
            if name.startswith(inside) and getattr(module, "weight", torch.empty(0)).ndim == 2:
                inputs_by_outputs = neurons(module)  # a view
                inputs_by_outputs.T.copy_(rounded(inputs_by_outputs.T, settings.bits))
    run.look()
    return []


def rounded(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Each row of ``weight`` (n, m) on its own grid of 2^bits - 1 values; halves go to the even
    step. A row of zeros stays."""
    steps = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(dim=1, keepdim=True) / steps
    return (weight / scale.where(scale > 0, 1)).round() * scale


ATTACK = WeightAttack(Settings, change)
