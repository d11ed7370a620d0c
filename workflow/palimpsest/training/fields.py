"""Whether values fit the dataclass of settings that they are meant for: its types and their
bounds."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache

from palimpsest.errors import Problem, choose, quoted
from palimpsest.training.settings import TINY, Bounds

WORDS = {
    type(None): "null",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}


JSON = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}


@cache
def types_of(kind: type) -> dict[str, object]:
    """The type of each setting, bounds included."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def as_schema(kind: type) -> dict[str, dict]:
    """Each setting as JSON schema has it: type, bounds, default."""
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    return {name: _schema(of) | {"default": defaults[name]} for name, of in types_of(kind).items()}


def _schema(kind) -> dict:
    parts = [_bare(part) for part in _parts(kind)]
    (bare, bounds), *others = parts
    if typing.get_origin(bare) is typing.Literal:
        return {"type": "string", "enum": list(typing.get_args(bare))}
    if typing.get_origin(bare) is tuple:
        return {"type": "array", "items": _schema(typing.get_args(bare)[0])}
    names = [JSON[part] for part, _ in parts]
    schema: dict = {"type": names if others else names[0]}
    if bounds and bounds.lowest == TINY:  # anything but 0
        schema["exclusiveMinimum"] = 0
    elif bounds:
        schema["minimum"] = bounds.lowest
    return schema | ({"maximum": bounds.highest} if bounds else {})


def field_problems(kind: type, given: Mapping, where: str) -> Iterator[Problem]:
    """What is wrong with values for ``kind``: unknown names, wrong types, numbers out of range."""
    kinds = types_of(kind)
    for name, value in given.items():
        place = f"{where}.{name}"
        if name not in kinds:
            allowed = ", ".join(kinds)
            yield Problem("unknown key", place, quoted(name), allowed, choose(name, kinds))
        elif not _fits(value, kinds[name]):
            yield Problem("wrong type", place, quoted(value), _written(kinds[name]), "correct it")
        elif outside := _outside(value, kinds[name]):
            allowed = f"{outside.lowest:g} to {outside.highest:g}"
            yield Problem("out of range", place, quoted(value), allowed, "correct it")


def _parts(kind) -> tuple:
    """The types that a value may have, of a union; one of any other."""
    origin = typing.get_origin(kind)
    return typing.get_args(kind) if origin in (typing.Union, types.UnionType) else (kind,)


def _bare(kind) -> tuple[object, Bounds | None]:
    """A type and its bounds."""
    if typing.get_origin(kind) is not typing.Annotated:
        return kind, None
    bare, *notes = typing.get_args(kind)
    return bare, next((note for note in notes if isinstance(note, Bounds)), None)


def _fits(value, kind) -> bool:
    if len(_parts(kind)) > 1:
        return any(_fits(value, part) for part in _parts(kind))
    kind, _ = _bare(kind)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return value in parts
    if origin is dict:
        pairs = value.items() if isinstance(value, dict) else [(None, None)]
        return all(_fits(key, parts[0]) and _fits(one, parts[1]) for key, one in pairs)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return False
        if len(parts) == 2 and parts[1] is Ellipsis:
            return all(_fits(one, parts[0]) for one in value)
        return len(value) == len(parts) and all(map(_fits, value, parts))
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if kind in (None, type(None)) else isinstance(value, kind)


def _outside(value, kind) -> Bounds | None:
    """The bounds that a number, itself or in a list, violates; NaN violates all."""
    fitting = next(part for part in _parts(kind) if _fits(value, part))
    bare, bounds = _bare(fitting)
    if typing.get_origin(bare) is tuple:
        parts = typing.get_args(bare)
        kinds = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
        outside = (_outside(one, part) for one, part in zip(value, kinds, strict=True))
        return next(filter(None, outside), None)
    return bounds if bounds and not bounds.lowest <= value <= bounds.highest else None


def _written(kind) -> str:
    if len(_parts(kind)) > 1:
        return " or ".join(map(_written, _parts(kind)))
    kind, _ = _bare(kind)
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(kind)))
    if typing.get_origin(kind) is dict:
        return "a mapping of {} to {}".format(*map(_written, typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        one = _written(parts[0])
        return (
            f"a list of {one}" if parts[-1] is Ellipsis else f"a list of {len(parts)}: {one} each"
        )
    return WORDS.get(kind, str(kind))
