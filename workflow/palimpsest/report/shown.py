"""Methods as tables and figures show them: those of a study, which its step sets.

Not the registry: a new method in it would be a reason to make every table and figure again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """Facts about a method; see registry.Method."""

    label: str
    needs: str
    fitted: bool
    trains: bool
    # by the registry; variants of a method by their name
    place: int


_METHODS: dict[str, Shown] = {}


def tell(methods: dict[str, dict]) -> None:
    """Set the methods, by name, as registry.facts has them, in place of earlier ones."""
    _METHODS.clear()
    _METHODS.update({name: Shown(**facts) for name, facts in methods.items()})


def is_method(name: str) -> bool:
    return name in _METHODS


def method_of(name: str) -> Shown:
    return _METHODS[name]


def all_methods() -> list[str]:
    return list(_METHODS)


def in_method_order(names: Iterable[str]) -> list[str]:
    """Each of the names that is a method's, once: as the registry has them, the variants of a
    method after it."""
    return sorted(
        {name for name in names if is_method(name)}, key=lambda name: _METHODS[name].place
    )


def of_teachers() -> list[str]:
    """Methods that join teachers."""
    return [name for name, method in _METHODS.items() if method.needs == "teachers"]


def post_processors() -> list[str]:
    """Methods that are fitted to validation records."""
    return [name for name, method in _METHODS.items() if method.fitted]
