"""sham: a control. The weights move by a random step as long as the strongest method's, and nothing
is aimed at.

    theta = theta_base + d * u / |u|,   u ~ N(0, 1) in each weight,
    d = the largest |theta_method - theta_base| of the methods compared

What a method changes beyond it is not owed to having moved at all. Defined here; the length is that
of the whole vector (Euclidean).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.randomness import seed_of
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Training

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.unlearning import Run


@dataclass(frozen=True)
class Settings(Training):
    """None of its own: there is not one update. It always begins at the base, from where the
    others' way is measured."""

    epochs: int = 0
    order: Literal["sequential", "batch"] = "batch"


def objective(run: Run, settings: Settings) -> Objective:
    return Objective({"forget": Part(run.sets["forget"], run.likelihood)}, {"forget": 0.0})


def begin(run: Run) -> None:
    """Move the model; ``run.frozen`` are those of the other methods."""
    move(run.model, max(distance(run.model, other) for other in run.frozen.values()), run.names)


def distance(model: torch.nn.Module, other: torch.nn.Module) -> float:
    """Euclidean length of the difference of two models' weights."""
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    return float(
        sum(
            ((a.detach().cpu().double() - b.detach().cpu().double()) ** 2).sum() for a, b in pairs
        ).sqrt()
    )


def move(model: torch.nn.Module, length: float, names: tuple) -> torch.nn.Module:
    """``model``, its weights moved by ``length`` in a direction that ``names`` decide."""
    import torch

    generator = torch.Generator().manual_seed(seed_of(*names, "sham"))
    steps = [torch.randn(weight.shape, generator=generator) for weight in model.parameters()]
    norm = float(sum((step.double() ** 2).sum() for step in steps).sqrt())
    for weight, step in zip(model.parameters(), steps, strict=True):
        weight.data.add_((step * (length / norm)).to(weight))
    return model
