"""bad_teaching: an incompetent teacher for the forgotten, a competent one for the rest (Chundawat
et al. 2023).

    L = forget_weight * mean over D_f of KL(untrained || theta)
        + retain_weight * mean over D_r of KL(A_D || theta)

The student starts as A_D, the model before this request, which is the competent teacher; the
incompetent one has the same architecture and random weights. Both KL are at temperature 1. For a
causal model they are means over the tokens that count.

Departures from the released code: there a batch is a random mix of both sets, of which all of D_f
and a part of D_r are read in an epoch; here it has as many records of the one as of the other, and
the weights say what each counts. KL is divided by predictions, there also by the number of classes
(torch's reduction `mean`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """The authors' rate of 1e-2 is for images."""

    forget_weight: Weight = 1.0
    retain: Literal["nll", "kl"] = "kl"


def untrained(model: torch.nn.Module, *names: object) -> torch.nn.Module:
    """A frozen model of the same architecture, on the same device; ``names`` seed its weights."""
    import copy

    import torch

    from palimpsest.randomness import seed_of

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(*names))
        fresh = type(model)(copy.deepcopy(model.config))
    weight = next(model.parameters())
    return fresh.to(weight.device, weight.dtype).eval().requires_grad_(False)


def objective(run: Run, settings: Settings) -> Objective:
    from palimpsest.methods.run import distillation, retain_part

    incompetent = untrained(run.model, *run.names, "incompetent").to(run.device)
    parts = {
        "forget": Part(run.sets["forget"], distillation(run, incompetent)),
        "retain": retain_part(run, settings),
    }
    weights = {"forget": settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


METHOD = Method(Settings, objective)
