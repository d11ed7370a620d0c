"""The section `tuning` of a study: what is wrong with it, and the settings of its trials.

Imported while the graph is built, so nothing heavy stands here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from palimpsest.errors import Problem, choose, quoted
from palimpsest.methods.registry import is_method, method_of
from palimpsest.methods.settings import kind_of, options_of
from palimpsest.methods.trials import is_reserved, settings_of_trials, trial_name
from palimpsest.metrics import METRICS
from palimpsest.tracks import track_of
from palimpsest.training.fields import field_problems

# What is to be known before a trial runs: which models and sets a method needs.
OF_THE_GRAPH = ("order", "sample", "sharding")
ENDS = {"low", "high", "log"}
ORACLE = "oracle"
# Numbers of what no trial has: all seeds together, or an oracle beside it.
NOT_OF_A_TRIAL = (
    *(
        "kl",
        "jensen_shannon",
        "jensen_shannon_reversed",
    ),  # metrics/divergence.py loads numpy
    *("klom", "written_perplexity"),
)


def trial_options(study: dict) -> dict[str, dict]:
    """Name of each trial -> its settings: those of its method, and what is drawn."""
    if "tuning" not in study:
        return {}
    return {
        trial_name(method, number): options_of(method, study["options"]) | settings
        for method in study["tuning"]["ranges"]
        for number, settings in enumerate(
            settings_of_trials(method, study["tuning"], study.get("seed_name", study["study"])), 1
        )
    }


def tuning_checks(study: dict, where: str) -> Iterator[Problem]:
    for section in ("methods", "options", "attacks"):
        taken = [name for name in study[section] if is_reserved(name)]
        if taken:
            what, remedy = "trials are called so", "call the variant otherwise"
            yield Problem(what, f"{where}, {section}", ", ".join(taken), remedy=remedy)
    if "tuning" not in study:
        return
    tuning, place = study["tuning"], f"{where}, tuning"
    if not track_of(study["track"]).needs_forgotten or study["requests"] != "all":
        what = "settings are chosen by numbers of forgotten text, beside base and oracle"
        found = f"track {study['track']}, requests: {study['requests']}"
        allowed = "track causal or masked, requests: all"
        yield Problem(what, place, found, allowed, "leave `tuning` out")
        return
    tunable = [name for name in study["methods"] if _tunable(name)]
    for method, ranges in tuning["ranges"].items():
        at = f"{place}.ranges.{method}"
        if method not in tunable:
            what = "no method of the study that has settings is called so"
            remedy = choose(method, tunable) if tunable else "add one to `methods`"
            allowed = ", ".join(tunable) or "none is listed in `methods`"
            yield Problem(what, at, quoted(method), allowed, remedy)
        else:
            yield from _range_checks(method, ranges, at)
            yield from _grid_checks(ranges, tuning, at)
            yield from _length_checks(method, study, where)
    yield from _rule_checks(tuning["rule"], study, f"{place}.rule")


def _tunable(name: str) -> bool:
    return is_method(name) and method_of(name).trains and not method_of(name).others


def _range_checks(method: str, ranges: dict, place: str) -> Iterator[Problem]:
    kind = kind_of(method)
    for name, given in ranges.items():
        at = f"{place}.{name}"
        if name in OF_THE_GRAPH:
            what = "which models are trained follows from this setting: it cannot be chosen later"
            remedy = f"give it under options.{method}, or compare variants of the method"
            yield Problem(what, at, name, remedy=remedy)
        elif _is_length(name):
            what, remedy = "the number of updates follows from tuning.budget", "leave it out"
            yield Problem(what, at, name, remedy=remedy)
        elif isinstance(given, list):
            if not given:
                yield Problem("a list without values", at, remedy="give some, or leave it out")
            yield from _each(kind, name, given, place)
        elif isinstance(given, dict):
            yield from _interval_checks(kind, name, given, place)
        else:
            what, allowed = "no range", "a list of values, or {low: LOW, high: HIGH}"
            yield Problem(what, at, quoted(given), allowed, "one value belongs under `options`")


def _interval_checks(kind: type, name: str, given: dict, place: str) -> Iterator[Problem]:
    at = f"{place}.{name}"
    if not ENDS - {"log"} <= given.keys() <= ENDS:
        found, allowed = ", ".join(given) or "nothing", "low, high, and log where it is true"
        yield Problem("a range has two ends", at, found, allowed, "write it so, or a list")
        return
    low, high, log = given["low"], given["high"], given.get("log", False)
    if not all(_is_number(one) for one in (low, high)) or not isinstance(log, bool):
        found = f"low: {quoted(low)}, high: {quoted(high)}, log: {quoted(log)}"
        yield Problem("wrong type", at, found, "two numbers, and log: true or false", "correct it")
        return
    yield from _each(kind, name, [low, high], place)
    if low >= high:
        remedy = "exchange them; one value alone belongs under `options`"
        yield Problem("low is not below high", at, f"{low:g} to {high:g}", remedy=remedy)
    if log and low <= 0:
        what, remedy = "a number of which there is no logarithm", "raise it, or leave log out"
        yield Problem(what, f"{at}.low", f"{low:g}", "more than 0, with `log: true`", remedy)


def _each(kind: type, name: str, values: list, place: str) -> dict[Problem, None]:
    """What is wrong with values of a setting, each problem once."""
    return dict.fromkeys(
        problem for value in values for problem in field_problems(kind, {name: value}, place)
    )


def _grid_checks(ranges: dict, tuning: dict, place: str) -> Iterator[Problem]:
    if tuning["design"] != "grid":
        return
    intervals = [name for name, given in ranges.items() if not isinstance(given, list)]
    count = math.prod(len(given) for given in ranges.values())
    if intervals:
        what, remedy = "a grid takes lists of values", "list some, or take `design: sobol`"
        yield Problem(what, place, ", ".join(intervals), remedy=remedy)
    elif count != tuning["trials"]:
        what = "a grid has as many points as there are combinations of its values"
        remedy = "give other values, or `design: sobol`, so that each method has as many trials"
        yield Problem(what, place, f"{count} points", f"tuning.trials, {tuning['trials']}", remedy)


def _length_checks(method: str, study: dict, where: str) -> Iterator[Problem]:
    lengths = [name for name in options_of(method, study["options"]) if _is_length(name)]
    if lengths:
        what, found = "the number of updates follows from tuning.budget", ", ".join(lengths)
        yield Problem(what, f"{where}, options.{method}", found, remedy="remove it")


def _rule_checks(rule: dict, study: dict, place: str) -> Iterator[Problem]:
    track = track_of(study["track"])
    known = [name for name in track.metrics if name not in NOT_OF_A_TRIAL]
    shares = [
        name
        for name in known
        if (METRICS[name].low, METRICS[name].high) == (0, 1) and METRICS[name].direction != "down"
    ]
    for key, allowed in (("forgetting", known), ("utility", shares)):
        if rule[key] not in allowed:
            what = f"no metric by which {key} is told"
            yield Problem(
                what, f"{place}.{key}", quoted(rule[key]), ", ".join(allowed),
                choose(rule[key], allowed),
            )  # fmt: skip
    for key in ("of", "on"):
        if rule[key] not in track.telling:
            allowed, remedy = ", ".join(track.telling), choose(rule[key], track.telling)
            what = f"track {study['track']} has no records of this name to choose by"
            yield Problem(what, f"{place}.{key}", quoted(rule[key]), allowed, remedy)
    if isinstance(rule["target"], str) and rule["target"] != ORACLE:
        what, allowed = "no target", f"{ORACLE}, or a number"
        yield Problem(what, f"{place}.target", quoted(rule["target"]), allowed, "correct it")
    elif rule["target"] == ORACLE and ORACLE not in study["methods"]:
        what, remedy = "the study has no oracle to choose by", "give a number, such as 0.5"
        yield Problem(what, f"{place}.target", ORACLE, "a number", remedy)


def _is_length(name: str) -> bool:
    return name == "epochs" or name.endswith("_epochs")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
