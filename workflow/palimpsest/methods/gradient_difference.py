"""gradient_difference (Liu et al. 2022; as TOFU's baseline, Maini et al. 2024): ascent on the
forget set, descent on the retain set.

    L = - forget_weight * nll(D_f) + retain_weight * nll(D_r)

nll is the mean over the predictions that count of -log p_theta(target): the completion's tokens, or
a record's one label. An epoch goes once through D_f; each of its examples is paired with one of
D_r, and all of D_r is used before any comes again. No frozen model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Weight

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """Weights gamma and alpha of open-unlearning's GradDiff, both 1 there."""

    forget_weight: Weight = 1.0


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import retain_part

    parts = {
        "forget": Part(run.sets["forget"], run.likelihood),
        "retain": retain_part(run, settings),
    }
    weights = {"forget": -settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


METHOD = Method(Settings, objective)
