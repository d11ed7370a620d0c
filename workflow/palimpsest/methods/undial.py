"""undial: self-distillation with adjusted logits (Dong et al. 2024).

    L = forget_weight * mean over D_f of CE(q, p_theta) + retain_weight * nll(D_r)
    q = softmax(z - beta * onehot(y))

z are the logits of the model before this request, y is the target of each prediction that counts:
what it used to say becomes less likely, all else keeps its proportions. The target is fixed, so
that nothing explodes. open-unlearning's mean is over prompts and padding as well, where it lowers
some other token; here it is over what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Rate, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """beta 10, lr 1e-4 and no term on retained data (alpha 0), as in open-unlearning's recipe."""

    learning_rate: Rate = 1e-4
    beta: Weight = 10.0
    forget_weight: Weight = 1.0
    retain_weight: Weight = 0.0


def adjusted_cross_entropy_sum(
    logits: torch.Tensor, reference: torch.Tensor, targets: torch.Tensor, beta: float
) -> torch.Tensor:
    """logits, reference (N, K), of the model and of the frozen one; targets (N,) -> (): sum of the
    cross-entropies of p with q = softmax(reference - beta * onehot(target)).

    Its gradient in the logits is p - q. Terms of q = 0 are 0, as in the rows that pad a vocabulary.
    """
    import torch

    from palimpsest.training.losses import wide

    lowered = torch.zeros_like(wide(reference)).scatter_(1, targets[:, None], beta)
    q = torch.softmax(wide(reference) - lowered, dim=-1)
    terms = q * torch.log_softmax(wide(logits), dim=-1)
    return -terms.masked_fill(q == 0, 0).sum()


def objective(run: Run, settings: Settings) -> Objective:
    import torch

    from palimpsest.methods.run import retain_part

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad(), run.arithmetic():
            reference = run.predict(run.reference, batch).logits
        said = run.predict(model, batch)
        return adjusted_cross_entropy_sum(said.logits, reference, said.targets, settings.beta)

    parts = {"forget": Part(run.sets["forget"], loss)}
    if settings.retain_weight:
        parts["retain"] = retain_part(run, settings)
    weights = {"forget": settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


METHOD = Method(Settings, objective)
