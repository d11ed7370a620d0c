"""simnpo: negative preference optimisation without a reference (Fan et al. 2024), and a retain
term.

    L = forget_weight * mean over x of D_f of -(2 / beta) log sigmoid(beta (NLL(x) / |y| - delta))
        + retain_weight * nll(D_r)

NLL(x) is summed over the |y| predictions that count in x, so that long answers weigh no more than
short ones, as they do in NPO; delta is a margin. delta is inside of the bracket, as in
open-unlearning; the paper writes it outside, where beta would not scale it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Bounds, Factor, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """beta 4.5, delta 0 and forget_weight (its gamma) 0.125 are open-unlearning's, and the authors'
    for a tenth of TOFU; for a twentieth they have beta 2.5 and 0.1375."""

    beta: Factor = 4.5
    delta: Annotated[float, Bounds(-1e3, 1e3)] = 0.0
    forget_weight: Weight = 0.125


def simple_preference_sum(
    losses: torch.Tensor, counted: torch.Tensor, beta: float, delta: float
) -> torch.Tensor:
    """losses (B,): summed negative log-likelihoods of each example; counted (B,): over how many
    predictions -> (): sum over examples of -(2 / beta) log sigmoid(beta (loss / counted - delta)).
    beta > 0. It falls as the loss grows, less and less once the example is unlikely."""
    from torch.nn import functional

    return -(2 / beta) * functional.logsigmoid(beta * (losses / counted - delta)).sum()


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import retain_part
    from palimpsest.training.examples import WithConstants

    forget = run.sets["forget"]

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        losses = run.losses(model, batch)
        return simple_preference_sum(losses, batch["size"], settings.beta, settings.delta)

    parts = {
        "forget": Part(WithConstants(forget, {"size": forget.counted}), loss, per="example"),
        "retain": retain_part(run, settings),
    }
    weights = {"forget": settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


METHOD = Method(Settings, objective)
