"""A study: one YAML file, checked against workflow/schemas/study.schema.yaml, with its defaults filled in.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import copy
import difflib
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from palimpsest.data.readers import READERS
from palimpsest.data.shards import parse_sharding
from palimpsest.errors import Problem, UserError
from palimpsest.methods.registry import METHODS
from palimpsest.training.schedule import stage_epochs

SCHEMA_PATH = Path(__file__).resolve().parents[1] / "schemas" / "study.schema.yaml"
DEFAULT_STUDY = "demo"


@cache
def schema() -> dict:
    """The schema, with the names of readers and methods taken from their dicts."""
    loaded = yaml.safe_load(SCHEMA_PATH.read_text(encoding="utf-8"))
    loaded["properties"]["data"]["properties"]["reader"]["enum"] = list(READERS)
    loaded["properties"]["methods"]["items"]["enum"] = list(METHODS)
    return loaded


def study_files(config_dir: Path) -> dict[str, Path]:
    """Name -> YAML file of every study that can be chosen with ``--config study=NAME``."""
    files = {path.stem: path for path in sorted((config_dir / "studies").glob("*.yaml"))}
    return {DEFAULT_STUDY: config_dir / "config.yaml", **files}


def load_study(given: dict, config_dir: Path) -> dict:
    """The checked study for what Snakemake was given.

    ``given`` is a whole study (``--configfile``; it has a `data` section), or what ``--config`` said on top of the study
    that it names with ``study=`` (the demo, if it names none).
    """
    if "data" in given:
        return check_study(given, where=f"study {given.get('study', '(without a name)')!r}")
    files = study_files(config_dir)
    name = str(given.get("study", DEFAULT_STUDY))
    if name not in files:
        raise UserError(Problem("there is no study of this name", "--config study", repr(name), ", ".join(files), _nearest(name, files)))
    loaded = read_yaml(files[name])
    return check_study({**loaded, **given}, where=str(files[name].relative_to(config_dir.parent)))


def read_yaml(path: Path) -> dict:
    """The mapping that a YAML file holds; a UserError names the line where it is broken."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(Problem("is not valid YAML", f"{path}{line}", getattr(error, "problem", "") or "")) from None
    except UnicodeDecodeError as error:
        raise UserError(Problem("is not UTF-8", f"{path}, byte {error.start}")) from None
    if not isinstance(loaded, dict):
        raise UserError(Problem("is not a mapping of keys to values", str(path), type(loaded).__name__))
    return loaded


def check_study(config: dict, where: str) -> dict:
    """``config`` with defaults; a UserError tells all problems together."""
    config = copy.deepcopy(dict(config))
    validator = Draft202012Validator(schema())
    problems = [_explain(error, where) for error in validator.iter_errors(config)]
    if problems:
        raise UserError(problems)
    _fill_defaults(config, schema())
    problems = list(_cross_checks(config, where))
    if problems:
        raise UserError(problems)
    return config


def _fill_defaults(value, node: dict) -> None:
    if not isinstance(value, dict):
        return
    for key, child in node.get("properties", {}).items():
        if key not in value and "default" in child:
            value[key] = copy.deepcopy(child["default"])
        if key in value:
            _fill_defaults(value[key], child)
    extra = node.get("additionalProperties")
    if isinstance(extra, dict):
        for child in value.values():
            _fill_defaults(child, extra)


def _nearest(word: str, known) -> str:
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else "choose one of the allowed"


def _explain(error, where: str) -> Problem:
    """One schema error in the words of this project."""
    key = ".".join(str(part) for part in error.absolute_path) or "the study"
    place = f"{where}, {key}"
    found = repr(error.instance)
    found = found if len(found) <= 80 else f"{type(error.instance).__name__} of {len(error.instance)} items"
    kind, rule = error.validator, error.validator_value
    if kind == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = [name for name in error.instance if name not in known]
        remedy = "; ".join(f"{name!r}: {_nearest(name, known)}" for name in unknown)
        return Problem("unknown key", place, ", ".join(map(repr, unknown)), ", ".join(known), remedy)
    if kind == "required":
        missing = [name for name in rule if name not in error.instance]
        return Problem("a key is missing", place, allowed=f"must have {', '.join(rule)}", remedy=f"add {', '.join(missing)}")
    if kind == "enum":
        return Problem("unknown value", place, found, ", ".join(map(str, rule)), _nearest(error.instance, map(str, rule)))
    if kind == "type":
        types = rule if isinstance(rule, str) else " or ".join(rule)
        return Problem(
            "wrong type",
            place,
            f"{found} ({type(error.instance).__name__})",
            types,
            "config/README.md explains each key",
        )
    allowed = {
        "minimum": f"at least {rule}", "maximum": f"at most {rule}", "exclusiveMinimum": f"more than {rule}",
        "exclusiveMaximum": f"less than {rule}", "minItems": f"at least {rule} items", "uniqueItems": "each item once",
        "pattern": f"text that matches {rule}", "minLength": f"at least {rule} characters", "minProperties": "at least one key",
    }.get(kind, error.message[:120])  # fmt: skip
    return Problem("not allowed", place, found, allowed, "config/README.md explains each key")


def _cross_checks(study: dict, where: str):
    """What no schema can say: keys that need one another."""
    data, model = study["data"], study["model"]
    needed = {"table": ["sources", "columns"], "forum": ["owners", "posts", "seed"]}.get(data["reader"], ["sources"])
    for key in needed:
        if key not in data:
            yield Problem(f"reader {data['reader']!r} needs this key", f"{where}, data.{key}", remedy=f"add {key}")
    if data["reader"] == "table" and "columns" in data and not ("split" in data["columns"] or "split_shares" in data):
        yield Problem("records need a split", f"{where}, data", remedy="map columns.split, or give split_shares")
    shares = data.get("split_shares")
    if shares and abs(sum(shares.values()) - 1) > 1e-9:
        yield Problem("shares must sum to 1", f"{where}, data.split_shares", str(sum(shares.values())))
    yield from _source_checks(study, where)
    if model["init"] == "scratch":
        for key in ("architecture", "config", "tokenizer"):
            if key not in model:
                yield Problem("a model from scratch needs this key", f"{where}, model.{key}", remedy=f"add {key}")
        if model.get("tokenizer", "") not in study["tokenizers"] and "tokenizer" in model:
            yield Problem(
                "there is no tokenizer of this name", f"{where}, model.tokenizer", repr(model["tokenizer"]),
                ", ".join(study["tokenizers"]) or "none is defined", "define it under `tokenizers`",
            )  # fmt: skip
    yield from _sharding_checks(study, where)
    for name, group in study["groups"].items():
        if ("column" in group) == ("terms" in group):
            yield Problem("a group family is a column or a list of terms", f"{where}, groups.{name}", remedy="give one of them")
    for name in study["fairness"]["groups"]:
        if name not in study["groups"]:
            yield Problem(
                "there is no group family of this name", f"{where}, fairness.groups", repr(name),
                ", ".join(study["groups"]) or "none is defined", _nearest(name, study["groups"]),
            )  # fmt: skip
    for name in study["methods"]:
        if METHODS[name].fitted and data["classes"] != 2:
            yield Problem("equalized odds is defined for two classes", f"{where}, methods", name, remedy="leave it out")
        if METHODS[name].fitted and not study["fairness"]["groups"]:
            yield Problem("a post-processor needs groups", f"{where}, methods", name, remedy="name some in fairness.groups")


def _sharding_checks(study: dict, where: str):
    epochs = study["training"]["epochs"]
    for sharding in study["sharding"]:
        slices = parse_sharding(sharding)[1]
        if min(stage_epochs(epochs, slices)) < 1:
            allowed = f"2 x epochs of at least {slices + 1}, so that every stage trains"
            yield Problem("too few epochs for so many slices", f"{where}, sharding", sharding, allowed, "raise training.epochs")


def _source_checks(study: dict, where: str):
    sources = [("data.sources", source) for source in study["data"].get("sources", [])]
    for name, tokenizer in study["tokenizers"].items():
        sources += [(f"tokenizers.{name}.corpus", source) for source in tokenizer["corpus"]]
    for key, source in sources:
        kinds = [kind for kind in ("path", "url", "hub", "lexicon") if kind in source]
        if len(kinds) != 1:
            yield Problem(
                "a source is one of path, url, hub",
                f"{where}, {key}",
                ", ".join(kinds) or "none of them",
                remedy="keep one",
            )
