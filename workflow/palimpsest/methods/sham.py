"""sham: a control. The weights move by a random step, as far as the method that moves them
farthest.

    theta = theta_base + d * u / |u|,   u ~ N(0, 1) in each weight,
    d = the largest |theta_method - theta_base| of the methods compared

Effects of a method beyond those of sham are not due to the size of its step alone. Defined here;
lengths are Euclidean, of the whole vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Forgetting, Method
from palimpsest.randomness import seed_of

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Forgetting):
    """It always starts at the base, from where the other methods' steps are measured."""

    order: Literal["sequential", "batch"] = "batch"


def unlearn(run: Run, settings: Settings) -> None:
    """Move the model; ``run.models`` are those of the other methods."""
    farthest = max(distance(run.model, other) for other in run.models.values())
    move(run.model, farthest, run.names)


def distance(model: torch.nn.Module, other: torch.nn.Module) -> float:
    """Euclidean length of the difference of two models' weights."""
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    return float(
        sum(
            ((a.detach().cpu().double() - b.detach().cpu().double()) ** 2).sum() for a, b in pairs
        ).sqrt()
    )


def move(model: torch.nn.Module, length: float, names: tuple) -> torch.nn.Module:
    """``model``, its weights moved by ``length`` in a random direction, seeded by ``names``."""
    import torch

    generator = torch.Generator().manual_seed(seed_of(*names, "sham"))
    steps = [torch.randn(weight.shape, generator=generator) for weight in model.parameters()]
    norm = float(sum((step.double() ** 2).sum() for step in steps).sqrt())
    for weight, step in zip(model.parameters(), steps, strict=True):
        weight.data.add_((step * (length / norm)).to(weight))
    return model


METHOD = Method(Settings, unlearn=unlearn)
