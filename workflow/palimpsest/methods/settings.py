"""Settings of methods that train: each has its own frozen dataclass, checked while the graph is
built. No torch."""

from __future__ import annotations

import dataclasses
import importlib
import types
import typing
from collections.abc import Iterator

from palimpsest.errors import Problem
from palimpsest.methods.registry import method_of, without_variant
from palimpsest.study.schema import nearest, shown


def settings_of(module: str):
    """The dataclass of settings of a method's module."""
    return importlib.import_module(module).Settings


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
    """What is wrong with the settings that a study gives a method: unknown names, wrong types,
    values out of range."""
    kind = settings_of(module)
    types_of, known = (
        typing.get_type_hints(kind),
        [field.name for field in dataclasses.fields(kind)],
    )
    for name, value in given.items():
        if name not in known:
            yield Problem(
                "unknown key",
                f"{where}.{name}",
                shown(name),
                ", ".join(known),
                nearest(name, known),
            )
        elif not _fits(value, types_of[name]):
            yield Problem(
                "wrong type",
                f"{where}.{name}",
                shown(value),
                _written(types_of[name]),
                "correct it",
            )
        elif not all(
            (bound := BOUNDS.get(name, (float("-inf"), float("inf"))))[0] <= one <= bound[1]
            for one in _numbers(value)
        ):
            yield Problem(
                "out of range",
                f"{where}.{name}",
                shown(value),
                f"{bound[0]:g} to {bound[1]:g}",
                "correct it",
            )


# Of all settings of this name, whatever the method: what is no probability is at least not
# negative.
TINY = 1e-12
BOUNDS = {
    "learning_rate": (TINY, 10), "epochs": (1, 1e6), "batch_size": (1, 1e6),
    "micro_batch_size": (1, 1e6), "weight_decay": (0, 1e3), "clip_norm": (TINY, 1e9),
    "warmup_share": (0, 1), "beta": (TINY, 1e3), "alpha": (0, 1e3), "forget_weight": (0, 1e3),
    "retain_weight": (0, 1e3), "inner_steps": (1, 1e6), "keep": (1, 1e9), "betas": (0, 0.99999),
    "sample": (0, 1), "portion": (0, 1),
}  # fmt: skip


def _numbers(value) -> list[float]:
    return (
        [_number(part) for part in value] if isinstance(value, (list, tuple)) else [_number(value)]
    )


def _number(value) -> float:
    return (
        value if isinstance(value, (int, float)) and not isinstance(value, bool) else BOUNDS_INSIDE
    )


BOUNDS_INSIDE = 1.0  # inside of all bounds: values that are no numbers have none


def _fits(value, kind) -> bool:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is typing.Literal:
        return value in parts
    if origin is tuple:
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(parts)
            and all(map(_fits, value, parts))
        )
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _written(kind) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(kind)))
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(_written(part) for part in typing.get_args(kind))
    return {
        type(None): "null",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
    }.get(kind, str(kind))
