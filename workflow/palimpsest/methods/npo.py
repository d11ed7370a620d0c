"""npo: negative preference optimisation (Zhang et al. 2024), with a retain term.

    L = forget_weight * mean over x of D_f of -(2 / beta) log sigmoid(beta (NLL_theta(x) -
    NLL_ref(x))) + retain_weight * nll(D_r)

NLL(x) is the sum over the predictions that count in x, not their mean (else the meaning of beta
would depend on the length); nll(D_r) is the mean over all that count. The frozen reference is the
model before this request; of it only NLL_ref(x) is needed, computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Factor, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """beta 0.1 as in the paper; weights gamma and alpha of open-unlearning, both 1 there (NPO+RT of
    the authors' code)."""

    beta: Factor = 0.1
    forget_weight: Weight = 1.0


def negative_preference_sum(
    losses: torch.Tensor, reference: torch.Tensor, beta: float
) -> torch.Tensor:
    """losses, reference (B,): summed negative log-likelihoods of each example, of the model and of
    the frozen one -> (): sum over examples of -(2 / beta) log sigmoid(beta (loss - reference))
    (Zhang et al. 2024, eq. 3). beta > 0.

    At the start, where both are equal, each example costs (2 / beta) log 2, and the gradient is
    that of gradient ascent on the sum.
    """
    from torch.nn import functional

    return -(2 / beta) * functional.logsigmoid(beta * (losses - reference)).sum()


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import retain_part
    from palimpsest.training.examples import WithConstants

    forget = run.sets["forget"]
    reference = run.reference_losses("forget", settings.batch_size or len(forget.lengths))

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return negative_preference_sum(run.losses(model, batch), batch["reference"], settings.beta)

    parts = {
        "forget": Part(WithConstants(forget, {"reference": reference}), loss, per="example"),
        "retain": retain_part(run, settings),
    }
    weights = {"forget": settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


METHOD = Method(Settings, objective)
