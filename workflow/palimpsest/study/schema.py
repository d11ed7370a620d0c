"""The schema of a study, and its errors in the words of this project.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import math
import re
import sys
from functools import cache
from pathlib import Path

import yaml

from palimpsest.data.readers import READERS
from palimpsest.engine.memory import MEMORY
from palimpsest.errors import TYPE_NAMES, Problem, choose, quoted
from palimpsest.methods.registry import METHODS, is_method
from palimpsest.methods.trials import DESIGNS
from palimpsest.tracks import TRACKS

SCHEMA_PATH = Path(__file__).resolve().parents[1] / "schemas" / "study.schema.yaml"
# 5e-5 is a number in YAML 1.2, and text in YAML 1.1, which Python's and Snakemake's readers speak
EXPONENT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+")
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


@cache
def schema() -> dict:
    """The schema, with the names of tracks, readers and methods taken from their dicts, and types,
    bounds and defaults of trainings from their dataclasses."""
    from palimpsest.training.fields import as_schema
    from palimpsest.training.settings import Computing, OfJudge, OfRecipe, OfStudy

    loaded = yaml.safe_load(SCHEMA_PATH.read_text(encoding="utf-8"))
    training = loaded["properties"]["training"]["properties"]
    recipe = loaded["properties"]["pretraining"]["additionalProperties"]["properties"]
    judge = loaded["properties"]["judges"]["additionalProperties"]["properties"]
    for described, kinds in (
        (training, (OfStudy, Computing)),
        (recipe, (OfRecipe,)),
        (judge, (OfJudge,)),
    ):
        fields = {name: one for kind in kinds for name, one in as_schema(kind).items()}
        for name in fields.keys() & described.keys():
            described[name] = fields[name] | described[name]
    del training["gpus"]["default"]  # follows from the precision
    loaded["properties"]["track"]["enum"] = list(TRACKS)
    loaded["properties"]["data"]["properties"]["reader"]["enum"] = list(READERS)
    loaded["properties"]["methods"]["items"]["enum"] = list(METHODS)
    loaded["properties"]["tuning"]["properties"]["design"]["enum"] = list(DESIGNS)
    return loaded


def with_numbers(value: object, node: dict):
    """``value`` with numbers for texts such as 5e-5, where the schema allows a number and no text,
    or says nothing, as of a model's config."""
    node = node if "$ref" not in node else schema()["$defs"][node["$ref"].rpartition("/")[2]] | node
    if isinstance(value, dict):
        known, others = node.get("properties", {}), node.get("additionalProperties")
        others = others if isinstance(others, dict) else {}
        for key in value:
            value[key] = with_numbers(value[key], known.get(key, others))
    elif isinstance(value, list):
        value[:] = [with_numbers(one, node.get("items", {})) for one in value]
    elif isinstance(value, str) and EXPONENT.fullmatch(value) and math.isfinite(float(value)):
        types = _types(node)
        if not types or ({"integer", "number"} & types and "string" not in types):
            number = float(value)
            return int(number) if number.is_integer() and "number" not in types else number
    return value


def _types(node: dict) -> set[str]:
    """The types that a value may have; none where the schema says nothing."""
    of = node.get("type", [])
    inner = (_types(one) for one in node.get("oneOf", ()))
    return {of, *set().union(*inner)} if isinstance(of, str) else set(of).union(*inner)


def schema_problems(config: dict, where: str) -> list[Problem]:
    """All that the schema finds wrong with a study, each once. A study that was correct before is
    not checked again."""
    try:
        contents = repr(config), repr(schema()), Path(__file__).read_text(encoding="utf-8")
    except (ValueError, RecursionError):
        # a number of thousands of digits, a mapping that contains itself
        return _problems(config, where)
    return (
        []
        if MEMORY.recall("fits the schema", contents, lambda: not _problems(config, where))
        else _problems(config, where)
    )


def _problems(config: dict, where: str) -> list[Problem]:
    errors = list(_validator()(schema()).iter_errors(config))
    mistyped = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    reported = [
        error
        for error in errors
        if error.validator != "enum"
        or not (tuple(error.absolute_path) in mistyped or _variant(error))
    ]
    return list(dict.fromkeys(_explain(error, where) for error in reported))


def _variant(error) -> bool:
    """Whether a name that is not a method's is that of a variant."""
    return list(error.absolute_path)[:1] == ["methods"] and is_method(error.instance)


@cache
def _validator() -> type:
    """A stricter validator: JSON Schema takes 1.0 for an integer, Python True for one, YAML `.nan`
    for a number, and `$` a line break at the end."""
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
    place = f"{where}, {key}"
    value = error.instance
    kind = error.validator
    rule = error.validator_value
    if kind == "additionalProperties":
        properties = error.schema.get("properties", {})
        unknown = [name for name in value if name not in properties]
        remedy = "; ".join(f"{quoted(name)}: {choose(name, properties)}" for name in unknown)
        if any(name is True for name in unknown) and "on" in properties:
            remedy = 'write "on" in quotes: without them YAML reads it as true'
        return Problem(
            "unknown key", place, ", ".join(map(quoted, unknown)), ", ".join(properties), remedy
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
            "unknown value", place, quoted(value), ", ".join(map(str, rule)), choose(value, rule)
        )
    if kind == "type":
        types = [rule] if isinstance(rule, str) else rule
        found = f"{quoted(value)}, {TYPE_NAMES.get(type(value), 'a ' + type(value).__name__)}"
        return Problem(
            "wrong type",
            place,
            found,
            " or ".join(KINDS[name] for name in types),
            _retyped(types, value),
        )
    if kind == "uniqueItems":
        twice = dict.fromkeys(
            quoted(one) for place, one in enumerate(value) if one in value[:place]
        )
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
    return Problem("not allowed", place, quoted(value), allowed, README)


def _retyped(types: list[str], value: object) -> str:
    """What to write instead of a value of a wrong type; mostly YAML reads it otherwise than its
    writer meant."""
    if value is None:
        return "give a value, or take the key out"
    if isinstance(value, str) and {"integer", "number"} & set(types) and _is_numeric(value):
        return "write it without quotes, in a file: in sections, --config takes all for text"
    if isinstance(value, str) and "boolean" in types:
        return "write true or false, without quotes"
    if isinstance(value, float) and "integer" in types and value.is_integer():
        return "write it without a point"
    if isinstance(value, list) and "array" not in types and "string" in types:
        return "name one, without brackets"
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
