"""What an attack on the weights of a model is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class WeightAttack:
    """Settings: a frozen dataclass. change(run, settings) changes `run.model`, and gives the ids of
    the records of the forget set that the attack itself shows to the model: what is measured
    afterwards is the rest."""

    Settings: type
    change: Callable[[Run, Any], list[str]]
