"""dpo: direct preference optimisation (Rafailov et al. 2023) of another answer over the true one.

    L = forget_weight * mean over (x, y_l) of D_f of
            -(2 / beta) log sigmoid(beta (r_w - r_l)) + retain_weight * nll(D_r)
    r = NLL_ref(y | x) - NLL_theta(y | x)

y_l is the true answer, y_w the preferred one. NLL is the sum over the tokens of an answer, not
their mean, as in NPO, which is this loss without r_w. The factor 2 / beta is open-unlearning's. The
frozen reference is the model before this request.

y_w is the answer of a retained record, drawn anew for each record and epoch: well-formed, of the
same kind, and wrong. AltPO, the user of this loss in open-unlearning, lets the model write other
answers by itself, which takes one that follows instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """beta 0.1 and weights gamma and alpha, both 1, of open-unlearning."""

    beta: Factor = 0.1
    forget_weight: Weight = 1.0


def preference_sum(preferred: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """preferred, rejected (B,): by how much more likely than under the reference each answer is, r,
    in nats -> (): sum over pairs of -(2 / beta) log sigmoid(beta (preferred - rejected))
    (Rafailov et al. 2023, eq. 7, times 2 / beta). beta > 0."""
    from torch.nn import functional

    return -(2 / beta) * functional.logsigmoid(beta * (preferred - rejected)).sum()


def objective(run: Run, settings: Settings) -> Objective:
    import numpy as np

    from palimpsest.methods.answers import mismatched

    places = np.arange(len(run.records["forget"]))
    return preferring(
        run, settings, lambda epoch: mismatched(run, places, *run.names, "preferred", epoch)
    )


def preferring(
    run: Run, settings: Settings, preferred: Callable[[int], Sequence[str]]
) -> Objective:
    """The objective whose preferred answers in an epoch, one a record, ``preferred`` gives."""
    import torch

    from palimpsest.methods.answers import answered
    from palimpsest.methods.run import retain_part
    from palimpsest.training.examples import Paired, WithConstants, other_of

    forget = run.sets["forget"]
    reference = run.reference_losses("forget", settings.batch_size or len(forget.lengths))
    rejected = WithConstants(forget, {"reference": reference})

    def pairs(epoch: int) -> Paired:
        return Paired(rejected, answered(run, preferred(epoch)))

    def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        other = other_of(batch)
        with torch.no_grad(), run.arithmetic():
            before = run.losses(run.reference, other)
        r_w = before - run.losses(model, other)
        r_l = batch["reference"] - run.losses(model, batch)
        return preference_sum(r_w, r_l, settings.beta)

    parts = {
        "forget": Part(pairs(0), loss, per="example"),
        "retain": retain_part(run, settings),
    }
    weights = {"forget": settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights, refresh=lambda epoch: {"forget": pairs(epoch)})


METHOD = Method(Settings, objective)
