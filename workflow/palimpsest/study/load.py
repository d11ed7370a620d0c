"""A study: one YAML file, checked against palimpsest/schemas/study.schema.yaml, with its defaults
filled in.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import yaml

from palimpsest.engine.sealed import seal_of
from palimpsest.errors import TYPE_NAMES, Problem, UserError, choose, quoted
from palimpsest.methods.registry import method_of
from palimpsest.study.checks import cross_checks, name_columns, raw_keys, value_problems
from palimpsest.study.paths import RESULTS
from palimpsest.study.recipes import tokenizer_name
from palimpsest.study.schema import schema, schema_problems, with_numbers
from palimpsest.study.yaml_files import check_keys, read_yaml

NAMED = ("study", "studies")  # keys that say which studies a run makes
OWN = Path("config")  # of the folder in which somebody runs
ELSEWHERE = "run this in the folder in which snakemake runs, or name the YAML file of a study"


def study_files(config_dir: Path) -> dict[str, Path]:
    """Name -> YAML file of every study that can be chosen with ``--config study=NAME``: those of
    ``config_dir``, and those of the folder in which somebody runs, whose own copy counts."""
    return {
        path.stem: path
        for folder in (config_dir, OWN)
        for path in sorted((folder / "studies").glob("*.yaml"))
    }


def load_studies(given: dict, config_dir: Path, files: Iterable[Path] = ()) -> list[dict]:
    """The checked studies for what Snakemake was given, in the order in which they are named.

    ``given`` is a whole study (``--configfile``, whose paths are ``files``); or names of studies,
    as `study` (one, or several with commas) or as a list, `studies`, and other values for their
    keys, which replace those of each study. A name is one of ``config_dir``, or the path of a YAML
    file. Where none is named, ``config_dir``/config.yaml says which.
    """
    files = list(files)
    _check_files(files)
    if "data" in given:
        files_by_name = {}
    else:
        given, files_by_name = _with_default(given, config_dir), study_files(config_dir)
    if "data" in given:
        names = [given.get("study", "(without a name)")]
    else:
        names = _names(given, files_by_name)
    changes = {key: value for key, value in given.items() if key not in NAMED}
    whole = "data" in given or (files and len(names) == 1 and not _file(names[0], files_by_name))
    if whole:
        where = ", ".join(map(os.path.relpath, files)) or f"study {names[0]!r}"
        loaded = together(lambda: check_study(given, where), lambda: check_keys(files))[:1]
    else:
        loaded = together(
            *(lambda name=name: _one(name, files_by_name, changes, config_dir) for name in names),
            lambda: check_keys(files),
        )[:-1]
    loaded_names = [study["study"] for study in loaded]
    twice = sorted({name for name in loaded_names if loaded_names.count(name) > 1})
    if twice:
        remedy = "name it once; a copy needs a name (`study`) of its own"
        raise UserError(Problem("a study is named twice", "study", ", ".join(twice), remedy=remedy))
    return loaded


def _check_files(files: list[Path]) -> None:
    """A UserError for targets among the files of --configfile."""
    paths = [Path(os.path.relpath(one)) for one in files]
    results = [
        str(one) for one in paths if one.parts[0] == RESULTS and one.suffix not in (".yaml", ".yml")
    ]
    if results:
        what = "results are no studies: Snakemake takes all that follows --configfile for files"
        remedy = f"name what to make first: snakemake {results[0]} --configfile STUDY.yaml"
        allowed = "files of studies"
        raise UserError(Problem(what, "--configfile", ", ".join(results), allowed, remedy))


def load_study(given: dict, config_dir: Path, files: Iterable[Path] = ()) -> dict:
    """The same of one study; the first that config.yaml names, if none is named."""
    if not {"data", *NAMED} & given.keys():
        named = _names(_with_default(given, config_dir), study_files(config_dir))
        given = {**given, "study": named[0]}
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
    if set(NAMED) & given.keys():
        return given
    default = config_dir / "config.yaml"
    if not default.is_file():
        what = "no study is named, and no file says which are meant"
        raise UserError(Problem(what, str(default), "no such file", remedy=ELSEWHERE))
    return {**read_yaml(default), **given}


def _names(given: dict, files_by_name: dict[str, Path]) -> list[str]:
    """The studies that are named; 'a,b' names two."""
    named = given.get("studies", given.get("study"))
    names = named.split(",") if isinstance(named, str) else named
    names = names if isinstance(names, list) else [names]
    if names in ([], [None]):
        raise UserError(Problem("no study is named", "studies", remedy="name one, or leave it out"))
    return together(*(lambda name=name: _as_text(name, files_by_name) for name in names))


def _as_text(name: object, files_by_name: dict[str, Path]) -> str:
    """The name of a study as it was written: `--config study=2024_01` arrives as the number
    202401."""
    if isinstance(name, str):
        return name.strip()
    meant = [one for one in files_by_name if repr(name) in _read_as(one)]
    if len(meant) == 1:
        return meant[0]
    found = f"{quoted(name)}, {TYPE_NAMES.get(type(name), f'a {type(name).__name__}')}"
    found += f", as which {' and '.join(meant)} are read" if meant else ""
    remedy = 'put the name in quotes: --config \'study="NAME"\', or studies: ["NAME"] in a file'
    what, allowed = "the name of a study is text", ", ".join(files_by_name)
    raise UserError(Problem(what, "--config study", found, allowed, remedy))


def _read_as(text: str) -> set[str]:
    """What else than text Snakemake's --config and YAML take it for."""
    values = set()
    for read in (int, float, {"True": True, "False": False}.__getitem__, yaml.safe_load):
        with suppress(ValueError, KeyError, yaml.YAMLError):
            values.add(repr(read(text)))
    return values


def _file(name: str, files_by_name: dict[str, Path]) -> Path | None:
    return Path(name) if name.endswith((".yaml", ".yml")) else files_by_name.get(name)


def _one(name: str, files_by_name: dict[str, Path], changes: dict, config_dir: Path) -> dict:
    file = _file(name, files_by_name)
    if file is None:
        what, allowed = "there is no study of this name", ", ".join(files_by_name)
        remedy = choose(name, files_by_name) if files_by_name else ELSEWHERE
        raise UserError(Problem(what, "--config study", quoted(name), allowed, remedy))
    loaded = read_yaml(file)
    where = os.path.relpath(file, config_dir.parent if file.is_relative_to(config_dir) else None)
    study = {**loaded, **changes, "study": loaded.get("study", name)}
    return together(lambda: check_study(study, where), lambda: check_keys([file]))[0]


def check_study(config: dict, where: str) -> dict:
    """``config`` with defaults; a UserError lists all problems together."""
    try:
        config = with_numbers(copy.deepcopy(dict(config)), schema())
        problems = schema_problems(config, where)
        places = {problem.where for problem in problems}
        problems += [
            problem for problem in value_problems(config, where) if problem.where not in places
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
    own = config["data"]["reader"] == "table"  # the others read texts in English
    config["evaluation"].setdefault("rouge_words", "all" if own else "ascii")
    if isinstance(config["ledger"], dict):
        config["ledger"] = config["ledger"]["with_mirror" if config["mirror"] else "path"]
    name_columns(config)
    problems = [*raw_keys(config["data"], where), *cross_checks(config, where)]
    if problems:
        raise UserError(problems)
    return config


def served_shardings(study: dict) -> list[str]:
    """Shardings whose teachers are retrained for requests. Where no method decides from teachers,
    they only teach (leave-one-out), as they were before any request."""
    return (
        study["sharding"]
        if any(method_of(name).needs == "teachers" for name in study["methods"])
        else []
    )


def settings_digests(study: dict) -> dict[str, str]:
    """Section -> SHA-256 of the settings that the models retrained for requests follow from: by
    these a certificate knows its study again, and says what has changed."""
    tokenizer, recipe = tokenizer_name(study), study["model"].get("recipe")
    sections = ("study", "track", "salt", "seeds", "requests", "data", "model", "training")
    chosen = {name: study[name] for name in sections} | {
        "sharding": served_shardings(study),
        "tokenizer": study["tokenizers"].get(tokenizer),
        "pretraining": study["pretraining"].get(recipe),
    }
    often = {"checkpoint_seconds"}  # no bit of a model depends on it
    chosen["training"] = {key: one for key, one in chosen["training"].items() if key not in often}
    return {name: seal_of(value) for name, value in sorted(chosen.items())}


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
