"""task_vector: negation of what was learnt (Ilharco et al. 2023; MUSE's `TV`).

    delta = FT(theta, D_f) - theta,   theta* = theta - scale * delta

FT learns the forget set once more; what that adds is taken away instead. With `tune: lora` it adds
adapters alone, delta = (alpha / r) B A, and these are subtracted. Nothing is learnt of retained
data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Adapted, Method, Trained
from palimpsest.training.settings import Factor

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Adapted, Trained):
    """scale: 5 in MUSE, chosen on validation data by Ilharco et al."""

    scale: Factor = 1.0
    tune: Literal["full", "lora"] = "full"


def unlearn(run: Run, settings: Settings) -> None:
    from palimpsest.methods.tuning import learnt
    from palimpsest.models.arithmetic import add

    run.look()
    adapters = settings if settings.tune == "lora" else None
    vector = learnt(run, run.sets["forget"], "tune", settings, adapters)
    add(run.model, vector, -settings.scale)
    run.look()


METHOD = Method(Settings, unlearn=unlearn)
