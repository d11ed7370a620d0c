"""A study: one YAML file, checked against workflow/schemas/study.schema.yaml, with its defaults
filled in.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.methods.registry import method_of
from palimpsest.study.checks import cross_checks, raw_keys, value_problems
from palimpsest.study.schema import nearest, schema, schema_problems, shown
from palimpsest.yaml_files import check_keys, read_yaml

NAMED = ("study", "studies")  # keys that say which studies a run makes


def study_files(config_dir: Path) -> dict[str, Path]:
    """Name -> YAML file of every study that can be chosen with ``--config study=NAME``."""
    return {path.stem: path for path in sorted((config_dir / "studies").glob("*.yaml"))}


def load_studies(given: dict, config_dir: Path, files: Iterable[Path] = ()) -> list[dict]:
    """The checked studies for what Snakemake was given, in the order in which they are named.

    ``given`` is a whole study (``--configfile``, whose paths are ``files``); or names of studies,
    as `study` (one, or several with commas) or as a list, `studies`, and other values for their
    keys, which hold for each of them. A name is one of ``config_dir``, or the path of a YAML file.
    Where none is named, ``config_dir``/config.yaml says which.
    """
    files = list(files)
    if "data" in given:
        known = {}
    else:
        given, known = _with_default(given, config_dir), study_files(config_dir)
    names = [given.get("study", "(without a name)")] if "data" in given else _names(given)
    changes = {key: value for key, value in given.items() if key not in NAMED}
    whole = "data" in given or (files and len(names) == 1 and not _file(names[0], known))
    if whole:
        where = ", ".join(map(os.path.relpath, files)) or f"study {names[0]!r}"
        loaded = together(lambda: check_study(given, where), lambda: check_keys(files))[:1]
    else:
        loaded = together(
            *(lambda name=name: _one(name, known, changes, config_dir) for name in names),
            lambda: check_keys(files),
        )[:-1]
    found = [study["study"] for study in loaded]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        remedy = "name it once; a copy needs a name (`study`) of its own"
        raise UserError(Problem("a study is named twice", "study", ", ".join(twice), remedy=remedy))
    return loaded


def load_study(given: dict, config_dir: Path, files: Iterable[Path] = ()) -> dict:
    """The same of one study; the first that config.yaml names, if none is named."""
    if not {"data", *NAMED} & given.keys():
        given = {**given, "study": _names(_with_default(given, config_dir))[0]}
    loaded = load_studies(given, config_dir, files)
    if len(loaded) > 1:
        found = ", ".join(study["study"] for study in loaded)
        raise UserError(
            Problem("one study is asked for", "study", found, remedy="name one of them")
        )
    return loaded[0]


def _with_default(given: dict, config_dir: Path) -> dict:
    if set(NAMED) <= given.keys():
        what, found = "two ways to name studies", f"study: {given['study']}, and studies"
        raise UserError(Problem(what, "config", found, "one of them", "keep one of them"))
    return (
        given if set(NAMED) & given.keys() else {**read_yaml(config_dir / "config.yaml"), **given}
    )


def _names(given: dict) -> list[str]:
    """The studies that are named; 'a,b' names two."""
    named = given.get("studies", given.get("study"))
    names = named if isinstance(named, list) else str(named).split(",")
    found = [str(name).strip() for name in names]
    if not found:
        raise UserError(Problem("no study is named", "studies", remedy="name one, or leave it out"))
    return found


def _file(name: str, known: dict[str, Path]) -> Path | None:
    return Path(name) if name.endswith((".yaml", ".yml")) else known.get(name)


def _one(name: str, known: dict[str, Path], changes: dict, config_dir: Path) -> dict:
    file = _file(name, known)
    if file is None:
        what, allowed = "there is no study of this name", ", ".join(known)
        raise UserError(Problem(what, "--config study", shown(name), allowed, nearest(name, known)))
    own = read_yaml(file)
    where = os.path.relpath(file, config_dir.parent)
    study = {**own, **changes, "study": own.get("study", name)}
    return together(lambda: check_study(study, where), lambda: check_keys([file]))[0]


def check_study(config: dict, where: str) -> dict:
    """``config`` with defaults; a UserError tells all problems together."""
    try:
        config = copy.deepcopy(dict(config))
        problems = schema_problems(config, where)
        told = {problem.where for problem in problems}
        problems += [
            problem for problem in value_problems(config, where) if problem.where not in told
        ]
    except (RecursionError, ValueError):
        remedy = "write the mapping out; write plain numbers"
        problems = [
            Problem("holds itself, or a number of thousands of digits", where, remedy=remedy)
        ]
    if problems:
        raise UserError(problems)
    _fill_defaults(config, schema())
    training = config["training"]
    training.setdefault("gpus", 0 if training["precision"] == "no" else 1)
    if isinstance(config["ledger"], dict):
        config["ledger"] = config["ledger"]["with_mirror" if config["mirror"] else "path"]
    problems = [*raw_keys(config["data"], where), *cross_checks(config, where)]
    if problems:
        raise UserError(problems)
    return config


def tokenizer_of(study: dict) -> str | None:
    """The tokenizer that this workflow trains for the study's model, by name; none if the model has
    its own."""
    recipe = study["pretraining"].get(study["model"].get("recipe"), {})
    return recipe.get("tokenizer", study["model"].get("tokenizer"))


def served_shardings(study: dict) -> list[str]:
    """Shardings whose teachers follow requests. Where no method joins teachers to one model, they
    only teach (leave-one-out), as they were before any request."""
    return (
        study["sharding"]
        if any(method_of(name).needs == "teachers" for name in study["methods"])
        else []
    )


def together(*checks: Callable) -> list:
    """The results of ``checks``; one UserError with the problems of all that fail."""
    results, problems = [], []
    for check in checks:
        try:
            results.append(check())
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return results


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
