"""task_vector: negation of what was learnt (Ilharco et al. 2023; MUSE's `TV`).

    delta = FT(theta, D_f) - theta,   theta* = theta - scale * delta

FT fine-tunes on the forget set once more; the change is subtracted instead of added. With `tune:
lora` only adapters are tuned, and delta = (alpha / r) B A. Retained data are not used.
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

    adapters = settings if settings.tune == "lora" else None
    vector = learnt(run, run.sets["forget"], "tune", settings, adapters)
    add(run.model, vector, -settings.scale)


METHOD = Method(Settings, unlearn=unlearn)
