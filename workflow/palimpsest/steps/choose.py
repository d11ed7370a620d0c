"""Choose among the trials of a method, by numbers of records that are never reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.storage import read_parquet
from palimpsest.engine.sealed import write_sealed
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json
from palimpsest.metrics.tuning import best, left, lost
from palimpsest.report.tables import FEWEST, OF_CHOICE

KL, ORACLE = "kl_to_base", "oracle"


def add_arguments(parser) -> None:
    parser.add_argument("--numbers", type=Path, nargs="+", required=True, help="of all trials")
    parser.add_argument(
        "--training", type=Path, nargs="+", required=True, help="training.json of each trial"
    )
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `method`, `state`, `trials` (name -> its settings, in the order of the reports),
    `edges` (name -> which of its settings lie at an end of their range), `budget`, `rule`.

    The file holds the chosen `trial`, its `settings` and their `edges`, and of all `trials` what
    they cost and how good they are. ``score`` is what the rule makes least; a trial that ruined the
    model has none, nor one that fell below the rule's floor. Where the request has no training
    records, the first trial stands for all.
    """
    given = args.settings
    numbers = pd.concat([read_parquet(path) for path in args.numbers], ignore_index=True)
    numbers = told_by(numbers, given["rule"]).set_index(["method", "set", "metric"])
    reports = dict(zip(given["trials"], map(read_json, args.training), strict=True))
    check_enough(numbers, given)
    trials = [
        {"trial": name, "settings": given["trials"][name], "edges": given["edges"][name]}
        | told(name, reports[name], numbers, given)
        for name in given["trials"]
    ]
    place = best([one["score"] for one in trials])
    ruined = [one["ruined"] for one in trials]
    if place is None and any(ruined):
        what, remedy = "every trial ruined the model", "lower the ends of tuning.ranges"
        where = f"method {given['method']}, state {given['state']}"
        raise UserError(Problem(what, where, "; ".join(sorted(set(ruined))), remedy=remedy))
    below = [1 - one["lost"] for one in trials if one["below"]]
    if place is None and below:
        what, where = "no trial keeps enough of the base's utility", f"method {given['method']}"
        remedy = "lower the ends of tuning.ranges, or tuning.rule.floor"
        allowed = f"{given['rule']['floor']:g} of it or more"
        raise UserError(Problem(what, where, f"{max(below):.3f} at most", allowed, remedy))
    if place is None and not any(ruined) and not all(one["unchanged"] for one in reports.values()):
        found = ", ".join(f"{metric} of {set_}" for set_, metric in sides(given["rule"]).values())
        found += "".join(f", {group}" for group in given["rule"]["groups"])
        what = "no trial has the numbers to choose by"
        remedy = "name others in tuning.rule, or raise tuning.part, if it holds no such record"
        raise UserError(Problem(what, f"method {given['method']}", found, remedy=remedy))
    chosen = trials[place or 0]
    kept = ("method", "state", "rule", "budget")
    write_sealed(
        args.output,
        {key: given[key] for key in kept}
        | {key: chosen[key] for key in ("trial", "settings", "edges")}
        | {"n": counted(numbers, given["rule"]), "trials": trials},
    )


def told_by(numbers: pd.DataFrame, rule: dict) -> pd.DataFrame:
    """value and n of each method, set and metric, of all records; what forgetting is told by, the
    mean over the rule's groups, weighted by their n, if it names any: not of a method that lacks
    one of them."""
    numbers = numbers[["method", "set", "metric", "group", "value", "n"]]
    whole, groups = numbers[numbers["group"] == ""], rule["groups"]
    if not groups:
        return whole
    set_, metric = sides(rule)["forgetting"]
    of_rule = (numbers["set"] == set_) & (numbers["metric"] == metric)
    rows = [
        (method, set_, metric, "", np.average(part["value"], weights=part["n"]), part["n"].sum())
        for method, part in numbers[of_rule & numbers["group"].isin(groups)].groupby("method")
        if len(part) == len(groups)
    ]
    others = whole[~of_rule[whole.index]]
    return pd.concat([others, pd.DataFrame(rows, columns=list(whole))]) if rows else others


def told(name: str, report: dict, numbers: pd.DataFrame, given: dict) -> dict:
    """What a trial cost and how good it is."""
    rule = given["rule"]
    cost = {
        "tokens": report["tokens"] + report["auxiliaries"],
        "updates": report["steps"],
        "ruined": report["ruined"],
    }
    values = {
        side: [value(numbers, model, *where) for model in (name, "base")]
        for side, where in sides(rule).items()
    }
    target = rule["target"]
    if target == ORACLE:
        target = value(numbers, ORACLE, *sides(rule)["forgetting"])
    if report["unchanged"] or None in [*values["forgetting"], *values["utility"], target]:
        return cost | dict.fromkeys(("left", "lost", "divergence", "score")) | {"below": False}
    rest, gone = left(*values["forgetting"], target), lost(*values["utility"])
    divergence = value(numbers, name, OF_CHOICE + "retain", KL)
    below = 1 - gone < rule["floor"]
    score = None if below else rest + rule["weight"] * gone
    told = {"left": rest, "lost": gone, "divergence": divergence, "score": score, "below": below}
    return cost | told


def sides(rule: dict) -> dict[str, tuple[str, str]]:
    """The (set, metric) that forgetting and utility are told by."""
    return {
        "forgetting": (OF_CHOICE + rule["of"], rule["forgetting"]),
        "utility": (OF_CHOICE + rule["on"], rule["utility"]),
    }


def value(numbers: pd.DataFrame, *key: str) -> float | None:
    """A number; None where it is not defined."""
    if key not in numbers.index or pd.isna(numbers.loc[key, "value"]):
        return None
    return float(numbers.loc[key, "value"])


def counted(numbers: pd.DataFrame, rule: dict) -> dict[str, int]:
    """How many records the choice rests on."""
    retained = {"retain": (OF_CHOICE + "retain", "probability")}
    return {
        side: int(numbers.loc[("base", *where), "n"]) if ("base", *where) in numbers.index else 0
        for side, where in (sides(rule) | retained).items()
    }


def check_enough(numbers: pd.DataFrame, given: dict) -> None:
    """A UserError where records are too few to choose by. A request without any has no choice."""
    counts = counted(numbers, given["rule"])
    if ("base", OF_CHOICE + "retain", "probability") not in numbers.index:
        del counts["retain"]  # nothing diverges on what is not there
    if counts["forgetting"] and min(counts.values()) < FEWEST:
        found = ", ".join(f"{count} for {side}" for side, count in counts.items())
        what, where = "too few records to choose by", f"state {given['state']}, tuning.part"
        remedy = "raise tuning.part, ask for more records, or choose by other sets (tuning.rule)"
        raise UserError(Problem(what, where, found, f"at least {FEWEST} each", remedy))
