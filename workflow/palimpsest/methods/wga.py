"""wga: weighted gradient ascent (Wang et al. 2025).

    L = - forget_weight * mean over D_f of w * -log p + retain_weight * nll(D_r)
    w = p^beta, held fixed

p is that of each target that counts. Ascent on -log p alone pulls the hardest on what is unlikely
already, by 1 / p; weighted it is p^(beta - 1), so that forgetting slows down by itself. beta 0 is
gradient difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """From open-unlearning's recipe: beta 1, five epochs, weights gamma and alpha of 1."""

    epochs: Count = 5
    beta: Weight = 1.0
    forget_weight: Weight = 1.0


def weighted_loss_sum(
    logits: torch.Tensor, targets: torch.Tensor, weigh: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """logits (N, K), targets (N,) -> (): sum of weigh(log p) * -log p of the targets; weights, (N,)
    of the log-probabilities (N,), have no gradient."""
    import torch

    from palimpsest.training.losses import wide

    logp = torch.log_softmax(wide(logits), dim=-1).gather(1, targets[:, None])[:, 0]
    return -(weigh(logp.detach()) * logp).sum()


def weights(beta: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """log p (N,) -> p^beta (N,)."""
    return lambda logp: (beta * logp).exp()


def objective(run: Run, settings: Settings) -> Objective:
    return ascending(run, settings, weights(settings.beta))


def ascending(
    run: Run, settings: Settings, weigh: Callable[[torch.Tensor], torch.Tensor]
) -> Objective:
    """The objective with weights of this kind; ``settings`` have the weights of its terms."""
    from palimpsest.methods.run import retain_part

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        predictions = run.predict(model, batch)
        return weighted_loss_sum(predictions.logits, predictions.targets, weigh)

    parts = {"forget": Part(run.sets["forget"], loss), "retain": retain_part(run, settings)}
    weights = {"forget": -settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


METHOD = Method(Settings, objective)
