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

DEFAULT_STUDY = "demo"


def study_files(config_dir: Path) -> dict[str, Path]:
    """Name -> YAML file of every study that can be chosen with ``--config study=NAME``."""
    files = {path.stem: path for path in sorted((config_dir / "studies").glob("*.yaml"))}
    return {DEFAULT_STUDY: config_dir / "config.yaml", **files}


def load_study(given: dict, config_dir: Path, files: Iterable[Path] = ()) -> dict:
    """The checked study for what Snakemake was given.

    ``given`` is a whole study (``--configfile``, whose paths are ``files``), or what ``--config``
    said on top of the study that it names with ``study=`` (the demo, if it names none): one of
    ``config_dir``, or the path of a YAML file.
    """
    known, files = study_files(config_dir), list(files)
    name = given.get("study", DEFAULT_STUDY)
    if "data" not in given and str(name).endswith((".yaml", ".yml")):
        known[str(name)] = Path(str(name))
    if "data" in given or (files and str(name) not in known):
        where = (
            ", ".join(map(os.path.relpath, files))
            or f"study {given.get('study', '(without a name)')!r}"
        )
    elif str(name) in known:
        files = [known[str(name)]]
        own = read_yaml(files[0])
        given, where = (
            {**own, **given, "study": own.get("study", name)},
            os.path.relpath(files[0], config_dir.parent),
        )
    else:
        what, allowed = "there is no study of this name", ", ".join(known)
        raise UserError(Problem(what, "--config study", shown(name), allowed, nearest(name, known)))
    return together(lambda: check_study(given, where), lambda: check_keys(files))[0]


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
