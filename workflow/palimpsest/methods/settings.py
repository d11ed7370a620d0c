"""Settings of methods that train: each has its own frozen dataclass, checked while the graph is
built. No torch."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from palimpsest.errors import Problem
from palimpsest.methods.registry import method_of, without_variant
from palimpsest.study.fields import field_problems


def settings_of(module: str):
    """The dataclass of settings of a method's module."""
    return importlib.import_module(module).METHOD.Settings


def options_of(name: str, given: dict[str, dict]) -> dict:
    """The settings that a study gives a method or a variant, which has those of its method, and on
    top its own."""
    method = without_variant(name)
    return {**given.get(method, {}), **given.get(name, {})}


def option(name: str, key: str, given: dict[str, dict]):
    """A setting of a method or a variant: the study's, or else the method's own."""
    return options_of(name, given).get(key, getattr(settings_of(method_of(name).module)(), key))


def at_once(name: str, given: dict[str, dict]) -> bool:
    """Whether a method forgets all requests together, from the base, and not one after another."""
    return option(name, "order", given) == "batch"


def both_orders(methods: list[str], given: dict[str, dict]) -> dict[str, str]:
    """`order` of each of ``methods`` that a study has in both orders, as the method or as variants
    of it."""
    order = {name: option(name, "order", given) for name in methods}
    of_method = {
        name: {order[other] for other in methods if without_variant(other) == without_variant(name)}
        for name in methods
    }
    return {name: order[name] for name in methods if len(of_method[name]) > 1}


def same_at_first(name: str, methods: list[str], given: dict[str, dict]) -> bool:
    """Whether a variant differs from its method, which the study has too, in `order` alone: at the
    first request the two are the same."""
    method = without_variant(name)
    rest, others = ({**options_of(one, given), "order": None} for one in (name, method))
    return (
        name != method
        and method in methods
        and at_once(name, given) != at_once(method, given)
        and rest == others
    )


def option_problems(module: str, given: dict, where: str) -> Iterator[Problem]:
    """What is wrong with the settings that a study gives a method."""
    return field_problems(settings_of(module), given, where)
