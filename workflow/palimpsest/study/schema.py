"""The schema of a study, and what it finds wrong in the words of this project.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import difflib
import math
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

from palimpsest.data.readers import READERS
from palimpsest.engine.memory import MEMORY
from palimpsest.errors import Problem
from palimpsest.methods.registry import METHODS, is_method
from palimpsest.tracks import TRACKS

SCHEMA_PATH = Path(__file__).resolve().parents[2] / "schemas" / "study.schema.yaml"
README = "config/README.md explains each key"
KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "object": "a mapping of keys to values",
    "array": "a list",
}
FOUND = {
    str: "text",
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    type(None): "nothing",
    dict: "a mapping",
    list: "a list",
}


@cache
def schema() -> dict:
    """The schema, with the names of tracks, readers and methods taken from their dicts, and types,
    bounds and defaults of trainings from their dataclasses."""
    from palimpsest.study.fields import as_schema
    from palimpsest.training.settings import Computing, OfRecipe, OfStudy

    loaded = yaml.safe_load(SCHEMA_PATH.read_text(encoding="utf-8"))
    training = loaded["properties"]["training"]["properties"]
    recipe = loaded["properties"]["pretraining"]["additionalProperties"]["properties"]
    for described, kinds in ((training, (OfStudy, Computing)), (recipe, (OfRecipe,))):
        fields = {name: one for kind in kinds for name, one in as_schema(kind).items()}
        for name in fields.keys() & described.keys():
            described[name] = fields[name] | described[name]
    del training["gpus"]["default"]  # follows from the precision
    loaded["properties"]["track"]["enum"] = list(TRACKS)
    loaded["properties"]["data"]["properties"]["reader"]["enum"] = list(READERS)
    loaded["properties"]["methods"]["items"]["enum"] = list(METHODS)
    return loaded


def schema_problems(config: dict, where: str) -> list[Problem]:
    """All that the schema finds wrong with a study, each told once. What was found right once is
    not looked at again."""
    try:
        contents = repr(config), repr(schema()), Path(__file__).read_text(encoding="utf-8")
    except (ValueError, RecursionError):
        # a number of thousands of digits, a mapping that holds itself
        return _problems(config, where)
    return (
        []
        if MEMORY.recall("fits the schema", contents, lambda: not _problems(config, where))
        else _problems(config, where)
    )


def _problems(config: dict, where: str) -> list[Problem]:
    errors = list(_validator()(schema()).iter_errors(config))
    mistyped = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    told = [
        error
        for error in errors
        if error.validator != "enum"
        or not (tuple(error.absolute_path) in mistyped or _variant(error))
    ]
    return list(dict.fromkeys(_explain(error, where) for error in told))


def _variant(error) -> bool:
    """Whether what is none of the methods' names is that of a variant."""
    return list(error.absolute_path)[:1] == ["methods"] and is_method(error.instance)


def shown(value: object, most: int = 80) -> str:
    """A value of a config for a message; letters of other scripts also by their codes, since some
    look like Latin ones."""
    try:
        text = repr(value)
        text = text if text.isascii() else f"{text} ({value!a})"
    except (ValueError, RecursionError):
        # integers of thousands of digits, mappings that hold themselves
        return f"{FOUND.get(type(value), type(value).__name__)} too long to show"
    return text if len(text) <= most else f"{text[:most]}..."


def nearest(word: object, known: Iterable) -> str:
    near = difflib.get_close_matches(str(word), list(map(str, known)), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else "choose one of the allowed"


@cache
def _validator() -> type:
    """JSON Schema takes 1.0 for an integer, Python True for one, YAML `.nan` for a number, and `$`
    a line break at the end."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def is_integer(checker, value) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def is_number(checker, value) -> bool:
        return (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and abs(value) <= sys.float_info.max
        )

    def pattern(validator, pattern, value, schema):
        if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
            yield ValidationError(f"does not match {pattern}")

    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": is_integer, "number": is_number}
    )
    return validators.extend(Draft202012Validator, {"pattern": pattern}, type_checker=types)


def _explain(error, where: str) -> Problem:
    key = ".".join(str(part) for part in error.absolute_path) or "the study"
    place, value, kind, rule = (
        f"{where}, {key}",
        error.instance,
        error.validator,
        error.validator_value,
    )
    if kind == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = [name for name in value if name not in known]
        remedy = "; ".join(f"{shown(name)}: {nearest(name, known)}" for name in unknown)
        return Problem(
            "unknown key", place, ", ".join(map(shown, unknown)), ", ".join(known), remedy
        )
    if kind == "required":
        missing = [name for name in rule if name not in value]
        return Problem(
            "a key is missing",
            place,
            allowed=f"must have {', '.join(rule)}",
            remedy=f"add {', '.join(missing)}",
        )
    if kind == "enum":
        return Problem(
            "unknown value", place, shown(value), ", ".join(map(str, rule)), nearest(value, rule)
        )
    if kind == "type":
        types = [rule] if isinstance(rule, str) else rule
        found = f"{shown(value)}, {FOUND.get(type(value), 'a ' + type(value).__name__)}"
        return Problem(
            "wrong type",
            place,
            found,
            " or ".join(KINDS[name] for name in types),
            _retyped(types, value),
        )
    if kind == "uniqueItems":
        twice = dict.fromkeys(shown(one) for place, one in enumerate(value) if one in value[:place])
        return Problem(
            "stands more than once",
            place,
            ", ".join(twice),
            "each item once",
            "remove the later mention",
        )
    allowed = {
        "minimum": f"at least {rule}",
        "maximum": f"at most {rule}",
        "exclusiveMinimum": f"more than {rule}",
        "exclusiveMaximum": f"less than {rule}",
        "minItems": "at least one item" if rule == 1 else f"at least {rule} items",
        "pattern": error.schema.get("title", f"text that matches {rule}"),
        "minLength": "text that is not empty",
        "minProperties": "at least one key",
    }.get(kind, error.message[:120])
    return Problem("not allowed", place, shown(value), allowed, README)


def _retyped(types: list[str], value: object) -> str:
    """What to write instead of a value of a wrong type; mostly YAML takes it for something else
    than its writer."""
    if value is None:
        return "give a value, or take the key out"
    if isinstance(value, str) and {"integer", "number"} & set(types) and _is_numeric(value):
        return "write it without quotes; and 5e-5 is text in YAML, 5.0e-5 a number"
    if isinstance(value, str) and "boolean" in types:
        return "write true or false, without quotes"
    if isinstance(value, float) and "integer" in types and value.is_integer():
        return "write it without a point"
    if "array" in types and not isinstance(value, dict):
        return "put it in brackets, [...]"
    if "string" in types and not isinstance(value, (dict, list)):
        return (
            "put it in quotes: YAML takes yes, no, on, off, numbers and dates for something else "
            "than text"
        )
    return README


def _is_numeric(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
