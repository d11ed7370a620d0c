"""How settings of methods were chosen, and methods compared at equal utility: of a study that
tunes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from palimpsest.metrics.tuning import matched
from palimpsest.report.cells import NONE, number
from palimpsest.report.findings import listed
from palimpsest.report.shown import all_methods, in_method_order, method_of
from palimpsest.report.summary import Section

LEVELS = (0.25, 0.5, 0.75)  # quantiles of the trials' divergences at which methods are matched
CHOSEN = (
    "Each method had {trials} trials on one seed, with {budget:,} tokens each; what it trained "
    "besides for them counts. Chosen is the least of left + {weight:g} × lost, by records that "
    "no other number counts ({forgetting} of what is to be forgotten, {utility} of the rest). "
    "Left: distance to {target} by {by} ({of}{groups}), over that of the base. Lost: share of the "
    "base's {told_by} ({on}) that is gone. In brackets the least and the most of the trials."
)
FLOOR = " No trial is chosen that keeps less than {floor:.0%} of it."
MATCHED = (
    "What is left, as above, where methods diverge from the base equally, by KL on the {n} "
    "retained records of the choice, in nats a token: along the trials of a method, linear "
    "between those that no other beats in both. A dash: outside of its trials. The best of "
    "{trials} trials, on one seed and without intervals: small differences say nothing."
)
EDGE = (
    "WARNING: the chosen {setting} of {label} ({value}) lies at the {end} end of its range: better "
    "settings may lie beyond. Widen tuning.ranges."
)
RUINED = "WARNING: {count} of {all} trials of {label} ruined the model, and could not be chosen."
OVER = (
    "WARNING: {label} took {tokens:,} tokens, more than its budget: what it computes beside its "
    "training is not known before."
)
NOT_TUNED = "Without trials, under the settings that the study gives: {names}."


def sections(choices: Sequence[dict]) -> Iterator[Section]:
    """choices: what the step choose wrote for the newest state, of each method."""
    by_method = {one["method"]: one for one in choices}
    names = in_method_order(by_method)
    if not names:
        return
    yield Section("Settings chosen", text(by_method), chosen(by_method), (*warnings(by_method),))
    scored = {name: diverging(scored_trials(by_method[name])) for name in names}
    if any(scored.values()):
        first = by_method[names[0]]
        told = MATCHED.format(n=first["n"]["retain"], trials=len(first["trials"]))
        yield Section("Methods at equal utility", told, at_equal_utility(scored))


def scored_trials(choice: dict) -> list[dict]:
    return [one for one in choice["trials"] if one["score"] is not None]


def diverging(trials: list[dict]) -> list[dict]:
    """Those whose divergence is known."""
    return [one for one in trials if one["divergence"] is not None]


def text(by_method: dict[str, dict]) -> str:
    first = next(iter(by_method.values()))
    rule = first["rule"]
    told = CHOSEN.format(
        trials=len(first["trials"]), budget=first["budget"], weight=rule["weight"], on=rule["on"],
        target="the oracle" if rule["target"] == "oracle" else rule["target"], of=rule["of"],
        groups="".join(f", {group}" for group in rule["groups"]),
        by=rule["forgetting"], told_by=rule["utility"], **first["n"],
    )  # fmt: skip
    told += FLOOR.format(floor=rule["floor"]) if rule["floor"] else ""
    trains = [name for name in all_methods() if method_of(name).trains and name not in by_method]
    others = [method_of(name).label for name in in_method_order(trains)]
    return f"{told} {NOT_TUNED.format(names=listed(others))}" if others else told


def chosen(by_method: dict[str, dict]) -> pd.DataFrame:
    """One row per method."""
    rows = []
    for name in in_method_order(by_method):
        choice = by_method[name]
        trial = next(one for one in choice["trials"] if one["trial"] == choice["trial"])
        settings = ", ".join(f"{key} {value}" for key, value in choice["settings"].items())
        row = {"method": method_of(name).label, "settings": settings}
        for key in ("left", "lost", "score"):
            row[key] = spread(trial[key], [one[key] for one in scored_trials(choice)])
        rows.append(row | {"tokens": f"{trial['tokens']:,}", "updates": f"{trial['updates']:,}"})
    return pd.DataFrame(rows)


def spread(value: float | None, of_trials: list[float]) -> str:
    if value is None:
        return NONE
    return f"{number(value)} [{number(min(of_trials))}, {number(max(of_trials))}]"


def at_equal_utility(scored: dict[str, list[dict]]) -> pd.DataFrame:
    """One row per method, one column per divergence."""
    divergences = pd.Series([one["divergence"] for some in scored.values() for one in some])
    levels = dict.fromkeys(float(f"{divergences.quantile(share):.3g}") for share in LEVELS)
    rows = []
    for name, trials in scored.items():
        points = [(one["divergence"], one["left"]) for one in trials]
        found = {f"left at KL {number(at)}": matched(points, at) for at in levels}
        cells = {key: NONE if value is None else number(value) for key, value in found.items()}
        ends = sorted(divergence for divergence, _ in points)
        reach = f"{number(ends[0])} to {number(ends[-1])}" if ends else NONE
        rows.append({"method": method_of(name).label, **cells, "KL of its trials": reach})
    return pd.DataFrame(rows)


def warnings(by_method: dict[str, dict]) -> Iterator[str]:
    for name in in_method_order(by_method):
        choice, label = by_method[name], method_of(name).label
        for setting, end in choice["edges"].items():
            value = choice["settings"][setting]
            yield EDGE.format(setting=setting, label=label, value=value, end=end)
        ruined = sum(bool(one["ruined"]) for one in choice["trials"])
        if ruined:
            yield RUINED.format(count=ruined, all=len(choice["trials"]), label=label)
        most = max(one["tokens"] for one in choice["trials"])
        if most > choice["budget"]:
            yield OVER.format(label=label, tokens=most)
