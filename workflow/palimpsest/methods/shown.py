"""Methods as tables and figures show them: a step is told of those of its study.

Not the registry, in which a further method would be a reason to make every table and figure again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """What is to be known of a method; see registry.Method."""

    label: str
    needs: str
    fitted: bool
    trains: bool
    # that of the method in the registry, and the name, which orders its variants
    place: int


_TOLD: dict[str, Shown] = {}


def tell(methods: dict[str, dict]) -> None:
    """Say which methods there are, by name, as registry.facts has them; whoever was told before is
    forgotten."""
    _TOLD.clear()
    _TOLD.update({name: Shown(**facts) for name, facts in methods.items()})


def is_method(name: str) -> bool:
    return name in _TOLD


def method_of(name: str) -> Shown:
    return _TOLD[name]


def all_methods() -> list[str]:
    return list(_TOLD)


def in_method_order(names: Iterable[str]) -> list[str]:
    """Each of the names that is a method's, once: as the registry has them, the variants of a
    method after it."""
    return sorted({name for name in names if is_method(name)}, key=lambda name: _TOLD[name].place)


def of_teachers() -> list[str]:
    """Methods that join teachers."""
    return [name for name, method in _TOLD.items() if method.needs == "teachers"]


def post_processors() -> list[str]:
    """Methods that are fitted to validation records."""
    return [name for name, method in _TOLD.items() if method.fitted]
