"""What an attack on the weights of a model is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class WeightAttack:
    """Settings: a frozen dataclass, of a training (training/settings.py) only if it trains.
    change(run, settings) changes `run.model`, and returns the ids of the records of the forget set
    that the attack showed to the model: only the others are measured afterwards. An attack that
    trains nothing calls `run.look()` before and after, for the figure `recovery`, and draws from
    ``torch_generator(*run.names, "its name")``."""

    Settings: type
    change: Callable[[Run, Any], list[str]]
