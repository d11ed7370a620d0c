"""satimp: ascent weighted by saturation and importance (Yang et al. 2025).

    L = - forget_weight * mean over D_f of w * -log p + retain_weight * nll(D_r)
    w = p^beta1 * (1 - p)^beta2, held fixed

p is that of each target that counts. Tokens that are forgotten already weigh little (beta1), and so
do those that the model is sure of, mostly common words that follow from the others (beta2). With
beta2 0 it is `wga`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods import wga
from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective
from palimpsest.training.settings import Count, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """From open-unlearning: beta1 5, beta2 1, five epochs; gamma 0.1 and alpha 1 of its config,
    which its README has the other way round."""

    epochs: Count = 5
    beta1: Weight = 5.0
    beta2: Weight = 1.0
    forget_weight: Weight = 0.1


def weights(beta1: float, beta2: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """log p (N,) -> p^beta1 (1 - p)^beta2 (N,); 1 - p is not 0 where p alone rounds to 1."""
    import torch

    return lambda logp: (beta1 * logp).exp() * (-torch.expm1(logp)) ** beta2


def objective(run: Run, settings: Settings) -> Objective:
    return wga.ascending(run, settings, weights(settings.beta1, settings.beta2))


METHOD = Method(Settings, objective)
