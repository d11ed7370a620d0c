"""mollm: multi-objective unlearning (Pan et al. 2025): forget, keep what was said, keep the task.

    L_forget = mean over D_f of -log(1 - p / 2)        p of each token that counts (unlearning CE)
    L_kl     = mean over D_r of KL(A_D || theta)
    L_retain = nll(D_r)

Updates follow not their sum, but a direction along which none of the three grows to first order:

    join: dual       the mean of the components of each gradient normal to the other two
    join: mgda       the shortest vector in the convex hull of the gradients that are not 0
    join: weighted   the plain weighted sum, to compare with

There is no released code. The losses and `dual space` are named by the abstract; L_forget is that
of the same authors' FedOSD, and `dual` is the only three-sided projection that matches the
description. How directions are scaled is not stated: gradients are first scaled to their mean
length, as in the authors' FedLF, and the direction to the length of the forget set's (FedOSD),
unless `scale: none`. AdamW then scales the step of each weight separately, so that "no loss grows"
holds for the direction, not for the step.

L_forget is bounded by log 2, so that nothing explodes; but its gradient in the target's logit,
p (1 - p) / (2 - p), also vanishes as p -> 1, and is 0.17 at most: text that is known by heart is
forgotten slowly at first, and needs higher learning rates than ascent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Trained
from palimpsest.training.objective import Gradients, Objective, Part
from palimpsest.training.settings import Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run

# Times the longest gradient: what is shorter is a gradient of 0, rounded in single precision.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Settings(Trained):
    """The authors' rate, epochs and weights are not known; weights are those of `join:
    weighted`."""

    join: Literal["dual", "mgda", "weighted"] = "dual"
    scale: Literal["forget", "none"] = "forget"
    forget_weight: Weight = 1.0
    kl_weight: Weight = 1.0
    retain_weight: Weight = 1.0


def unlearning_cross_entropy_sum(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """logits (N, K), targets (N,) -> (): sum of -log(1 - p(target) / 2), each in [0, log 2]."""
    import torch

    from palimpsest.training.losses import wide

    logp = torch.log_softmax(wide(logits), dim=-1).gather(1, targets[:, None])
    return -torch.log1p(-logp.exp() / 2).sum()


def direction(settings: Settings, gradients: dict[str, Gradients]) -> Gradients:
    """The direction that an update goes against, from the gradients of `forget`, `kl` and
    `retain`."""
    import numpy as np

    from palimpsest.training.directions import (
        combined,
        gram,
        length,
        normal_weights,
        norms,
        shortest_weights,
    )

    products = gram(gradients)
    lengths = norms(products)
    if not lengths.any():
        return combined(gradients, [0.0] * len(lengths))
    # At the start the model is the reference: its gradient of KL is 0 but for rounding, which must
    # not be scaled up to the length of the others.
    moves = lengths > ROUNDING * lengths.max()
    factors = moves * lengths[moves].mean() / np.where(moves, lengths, 1.0)
    products = products * factors[:, None] * factors[None]
    if settings.join == "dual":
        weights = normal_weights(products)
    else:  # the hull of gradients with one of length 0 holds 0, the shortest vector of all
        weights = np.zeros(len(products))
        weights[moves] = shortest_weights(products[np.ix_(moves, moves)])
    if settings.scale == "forget" and (now := length(products, weights)) > 0:
        weights = weights * (lengths[list(gradients).index("forget")] / now)
    return combined(gradients, weights * factors)


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import distillation

    def forget(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        predictions = run.predict(model, batch)
        return unlearning_cross_entropy_sum(predictions.logits, predictions.targets)

    parts = {
        "forget": Part(run.sets["forget"], forget),
        "kl": Part(run.sets["retain"], distillation(run, run.reference)),
        "retain": Part(run.sets["retain"], run.likelihood),
    }
    weights = {
        "forget": settings.forget_weight,
        "kl": settings.kl_weight,
        "retain": settings.retain_weight,
    }
    directed = None if settings.join == "weighted" else partial(direction, settings)
    return Objective(parts, weights, direction=directed)


METHOD = Method(Settings, objective)
