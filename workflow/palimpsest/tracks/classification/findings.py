"""What the newest state of classifiers says, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan

import pandas as pd

from palimpsest.data.ledger import START
from palimpsest.data.shards import SINGLE
from palimpsest.report.findings import (
    Number,
    Numbers,
    apart,
    cost,
    difference,
    found,
    leading,
    share,
    spanned,
)
from palimpsest.report.rows import newest
from palimpsest.report.shown import method_of
from palimpsest.tracks.classification.evaluated import evaluated

GUESSING = 0.5  # the area under the curve of an attack that knows nothing


def findings(metrics: pd.DataFrame, settings: dict) -> Iterator[str]:
    now, state = newest(metrics, settings), settings["states"][-1]
    listed = set(evaluated(now).itertuples(index=False, name=None))
    yield from decided(now, listed)
    if state != START:
        yield from told_from_unseen(now, state)
    for family in settings["families"]:
        yield from equalized(now, family, listed)
    if state != START:
        yield from cost(now, state)


def decided(now: pd.DataFrame, listed: set[tuple[str, str]]) -> Iterator[str]:
    """How well base, oracle, and the models and ensembles beside them decide by themselves."""
    accuracy = found(now, "test", "accuracy")
    base, oracle = (accuracy.get((name, SINGLE)) for name in ("base", "oracle"))
    if base and oracle:
        yield (
            f"Accuracy: {base} for the base, which saw all records, and {oracle} for the oracle, "
            f"retrained without the forgotten: {difference(oracle, base)}."
        )
    elif base:
        yield f"Accuracy: {base} for the base, which saw all records."
    others = {key: one for key, one in accuracy.items() if key in listed and _is_beside(key[0])}
    if others and (base or oracle):
        yield compared(others, oracle or base)
    elif others:
        yield f"Accuracy: {spanned(others.values())}. No base and no oracle is there to compare."
    agreement = found(now, "test", "agreement")
    agreeing = [agreement[key] for key in others if key in agreement]
    if agreeing:
        yield f"Decides most often as the oracle does: {leading(agreeing, 1.0)}."


def _is_beside(method: str) -> bool:
    """Whether it decides by itself, and is neither base nor oracle."""
    return method_of(method).needs not in ("base", "oracle") and not method_of(method).fitted


def compared(others: Numbers, goal: Number) -> str:
    """Which are as accurate as the oracle (or the base), and how far the others are from it."""
    trains = {method_of(method).trains for method, _ in others}
    kind = "method or ensemble" if len(trains) > 1 else "method" if trains == {True} else "ensemble"
    alike = [one for one in others.values() if not apart(one, goal)]
    told = f"Not told from {goal.name} by accuracy: {share(alike, others.values(), kind)}"
    for what, some in (
        ("Less", [one for one in others.values() if one.high < goal.low]),
        ("More", [one for one in others.values() if one.low > goal.high]),
    ):
        told += f". {what} accurate: {spanned(some)}" if some else ""
    return f"{told}."


def told_from_unseen(now: pd.DataFrame, state: str) -> Iterator[str]:
    """Whether forgotten records can be told from records never seen, before and after."""
    before, after = (
        list(found(now, set_, "membership_auroc").values()) for set_ in ("forget_before", "forget")
    )
    if before and after:
        remembered, left = ([one for one in side if one.low > GUESSING] for side in (before, after))
        told = "" if remembered else " So nothing shows here that they were remembered at all."
        yield (
            f"The {after[0].n} forgotten records of {state} can be told from unseen ones, by their "
            f"loss and beyond guessing, under {share(remembered, before, 'model')} before the "
            f"request and {share(left, after, 'model')} after it.{told}"
        )


def equalized(now: pd.DataFrame, family: str, listed: set[tuple[str, str]]) -> Iterator[str]:
    """The equalized-odds gap of a family before and after post-processing, and what it cost whom:
    of a rule on teachers, against the vote of the same teachers."""
    gaps = found(now, "test", "equalized_odds_max", family)
    plain, judged = (found(now, "test", "accuracy", group) for group in ("", family))
    oracle = gaps.get(("oracle", SINGLE))
    before = [
        one
        for key, one in gaps.items()
        if key in listed and not method_of(key[0]).fitted and one != oracle
    ]
    if before:
        beside = f"; {oracle} with the oracle" if oracle else ""
        words = family.replace("_", " ")
        yield f"Equalized-odds gap ({words}), not post-processed: {spanned(before)}{beside}."
    starts = {
        key: start
        for key in gaps
        if key in listed and method_of(key[0]).fitted and (start := _start(key, gaps))
    }
    if not starts:
        return
    narrowed = [key for key, start in starts.items() if gaps[key].high < gaps[start].low]
    under = share((gaps[key] for key in narrowed), (gaps[key] for key in starts), "rule")
    told = f"Post-processing narrows it, told apart from before, under {under}"
    if not narrowed:
        yield f"{told}."
        return
    paid = (
        gaps[key]._replace(value=plain[starts[key]].value - judged[key].value, low=nan, high=nan)
        for key in narrowed
    )
    yield (
        f"{told}. The gap is then {spanned(gaps[key] for key in narrowed)}; the accuracy that was "
        f"paid for it is {spanned(paid)}."
    )
    gains = {key: gaining(now, family, key, starts[key]) for key in narrowed}
    most, groups = max(gains.values())
    if most == 0:
        yield "Whom this helps: the true positive rate rises in no group: they were levelled down."
        return
    none = [gaps[key] for key, (gain, _) in gains.items() if gain == 0]
    yield (
        f"Whom this helps: the true positive rate rises in at most {most} of {groups} groups. It "
        "rises in none, so that they were levelled down, under "
        f"{share(none, (gaps[key] for key in narrowed), 'rule')}."
    )


def _start(rule: tuple[str, str], gaps: Numbers) -> tuple[str, str] | None:
    """What decides from the same scores without the rule: the base, or the vote of the teachers,
    which stands before their mean."""
    return next(
        (
            key
            for key in gaps
            if key[1] == rule[1]
            and not method_of(key[0]).fitted
            and method_of(key[0]).needs == method_of(rule[0]).needs
        ),
        None,
    )


def gaining(
    now: pd.DataFrame, family: str, after: tuple[str, str], before: tuple[str, str]
) -> tuple[int, int]:
    """(groups whose true positive rate is higher than before, groups)"""
    chosen = now[
        (now["set"] == "test")
        & (now["metric"] == "tpr")
        & now["group"].str.startswith(f"{family}=")
    ]
    rates = chosen.set_index(["method", "shards", "group"])["value"].sort_index()
    risen = rates.loc[after] > rates.loc[before]
    return int(risen.sum()), len(risen)
