"""What an attack is: on the weights of a model, or on the prompts that it is given. No torch at the
top of an attack's module: the graph asks for its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class WeightAttack:
    """Settings: a frozen dataclass, of a training (training/settings.py) only if it trains.
    change(run, settings) changes `run.model`, and returns the ids of the records of the forget set
    that the attack showed to the model: only the others are measured afterwards. An attack that
    trains nothing calls `run.look()` before and after, for the figure `recovery`, and draws from
    ``torch_generator(*run.names, "its name")``. template(settings, template): the study's
    `model.prompt` as the attacked model is to be asked, where it is not asked as before."""

    Settings: type
    change: Callable[[Run, Any], list[str]]
    template: Callable[[Any, str], str] | None = None


@dataclass(frozen=True)
class Asked:
    """What a record is asked by: the study's `model.prompt`, its section `data`, and the files of
    its sources; of the last two none for an attack that names no ``readers``."""

    template: str
    data: dict
    sources: list[Path]


@dataclass(frozen=True)
class PromptAttack:
    """The model stays as it is, and is scored on other texts. reword(records, settings, asked)
    gives the records with other prompts, or completions; those that it has none for are left out.
    template: as above. answers: whether completions stay as they are, so that other completions of
    a record can still be set beside its own. readers: those whose data have what it needs; None
    where it needs nothing of the sources."""

    Settings: type
    reword: Callable[[DataFrame, Any, Asked], DataFrame]
    template: Callable[[Any, str], str] | None = None
    answers: bool = True
    readers: tuple[str, ...] | None = None
