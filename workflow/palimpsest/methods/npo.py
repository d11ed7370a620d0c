"""npo: negative preference optimisation (Zhang et al. 2024), with a retain term.

    L = forget_weight * mean over x of D_f of -(2 / beta) log sigmoid(beta (NLL_theta(x) -
    NLL_ref(x))) + retain_weight * nll(D_r)

NLL(x) is summed over the predictions that count in x, not their mean (else beta would mean another
thing for each length); nll(D_r) is the mean over all that count. The frozen reference is the model
before this request; of it only NLL_ref(x) is needed, computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Training

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.unlearning import Run


@dataclass(frozen=True)
class Settings(Training):
    """beta 0.1 as in the paper; weights gamma and alpha of open-unlearning, both 1 there (NPO+RT of
    the authors' code)."""

    beta: float = 0.1
    forget_weight: float = 1.0
    retain_weight: float = 1.0


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.losses import negative_preference_sum
    from palimpsest.methods.unlearning import WithConstants

    forget = run.sets["forget"]
    reference = run.reference_losses(forget, settings.batch_size or len(forget.lengths))

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return negative_preference_sum(run.losses(model, batch), batch["reference"], settings.beta)

    parts = {
        "forget": Part(WithConstants(forget, {"reference": reference}), loss, per="example"),
        "retain": Part(run.sets["retain"], run.likelihood),
    }
    return Objective(parts, {"forget": settings.forget_weight, "retain": settings.retain_weight})
