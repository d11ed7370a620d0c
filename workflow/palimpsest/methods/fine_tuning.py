"""fine_tuning: plain fine-tuning on other answers to the forgotten prompts.

    theta* = FT(theta, K_new)

The second stage of `f_learning` alone, and its baseline in the paper (Ni et al. 2024): all weights
are tuned, or with `tune: lora` only adapters, which are merged into them. K_new is as there: with
`answers: new` the answers that the data give, else one for all. Nothing is done about what was
known, and retained data are not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Adapted, Answering, Method, Trained

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Answering, Adapted, Trained):
    """Rate and epochs are to be chosen as those of f_learning's second stage."""

    tune: Literal["full", "lora"] = "full"


def unlearn(run: Run, settings: Settings) -> None:
    from palimpsest.methods.answers import replaced
    from palimpsest.methods.tuning import teach

    teach(run, replaced(run, settings), settings, settings.tune)


METHOD = Method(Settings, unlearn=unlearn)
