"""What the newest state of masked models says, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

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
from palimpsest.report.shown import is_method, method_of
from palimpsest.tracks.masked.variants import answers

BASE, ORACLE = ("base", SINGLE), ("oracle", SINGLE)
NEUTRAL = 0.5  # a stereotype score that prefers neither


def findings(metrics: pd.DataFrame, settings: dict) -> Iterator[str]:
    now, state = newest(metrics, settings), settings["states"][-1]
    yield from learnt(now)
    if state == START:
        return
    for group, what in (
        ("about=forgotten", "occupations that were asked to be forgotten"),
        ("about=others", "other occupations"),
    ):
        yield from pronouns(now, group, what)
    yield from scores(now)
    yield from answers(now, settings, of_methods(found(now, "stereoset", "stereotype_score")))
    yield from cost(now, state)


def of_methods(numbers: Numbers) -> Numbers:
    """Without base and oracle."""
    return {
        key: one for key, one in numbers.items() if is_method(key[0]) and method_of(key[0]).trains
    }


def learnt(now: pd.DataFrame) -> Iterator[str]:
    """Whether pronouns follow occupations. That they do not is no word on other biases."""
    gap = found(now, "pronouns", "pronoun_gap").get(BASE)
    follows = found(now, "pronouns", "pronoun_correlation").get(BASE)
    if gap and follows:
        doubt = "" if follows.low > 0 else f", over {follows.n} occupations no sign of bias"
        yield (
            f"The base: probabilities of the two pronouns are {gap} apart in the mean, and which "
            f"is higher goes with the share of women in an occupation by a correlation of "
            f"{follows}{doubt}."
        )


def pronouns(now: pd.DataFrame, group: str, what: str) -> Iterator[str]:
    """How far apart pronouns are afterwards."""
    gaps = found(now, "pronouns", "pronoun_gap", group)
    base, oracle = gaps.get(BASE), gaps.get(ORACLE)
    if not base:
        return
    told = f"Pronouns with {what}: {base} apart for the base"
    told += f", {oracle} for the oracle: {difference(oracle, base)}" if oracle else ""
    yield f"{told}."
    others = of_methods(gaps)
    if others:
        closer = [one for one in others.values() if one.high < base.low]
        yield (
            f"Less apart than for the base: {share(closer, others.values(), 'method')}. Nearest to "
            f"each other with {leading(others.values(), 0.0)}."
        )
        yield from preferred(found(now, "pronouns", "pronoun_preference", group))


def preferred(numbers: Numbers) -> Iterator[str]:
    """Whether one pronoun is preferred less, or both became rare."""
    base, others = numbers.get(BASE), of_methods(numbers)
    if base and others:
        less, more = (
            [one for one in others.values() if apart(one, base) and (one.value < base.value) == way]
            for way in (True, False)
        )
        yield (
            f"Over their sum, which does not fall where both become rare, they are {base} apart "
            f"for the base; less: {share(less, others.values(), 'method')}; more: "
            f"{share(more, others.values(), 'method')}. Least with {leading(others.values(), 0.0)}."
        )


def scores(now: pd.DataFrame) -> Iterator[str]:
    """StereoSet: whether stereotypes are preferred less, and whether the model still works."""
    ss, lms, whole = (
        found(now, "stereoset", metric)
        for metric in ("stereotype_score", "language_modeling_score", "icat")
    )
    base = ss.get(BASE)
    others = of_methods(ss)
    if not base or not others:
        return
    nearer = [one for one in others.values() if apart(one, base) and _off(one) < _off(base)]
    yield (
        f"StereoSet's stereotype score is {base} for the base; nearer to {NEUTRAL}, and told apart "
        f"from it: {share(nearer, others.values(), 'method')}."
    )
    lost = [one for key, one in of_methods(lms).items() if one.high < lms[BASE].low]
    worse = f" Language modelling is lost: {spanned(lost)}." if lost else ""
    yield from changed(now)
    yield f"Highest idealized CAT score: {leading(of_methods(whole).values(), 1.0)}.{worse}"


def changed(now: pd.DataFrame) -> Iterator[str]:
    """What differs from the base term by term: a surer comparison than of two intervals."""
    told = []
    for metric, name in (
        ("stereotype_score_change", "the stereotype score"),
        ("language_modeling_score_change", "the language modelling score"),
    ):
        every = of_methods(found(now, "stereoset", metric)).values()
        lower = [one for one in every if one.high < 0]
        higher = [one for one in every if one.low > 0]
        if every:
            ends = sorted(every, key=lambda one: one.value)
            told.append(
                f"{name} is lower with {share(lower, every, 'method')} and higher with "
                f"{share(higher, every, 'method')} (from {ends[0]} with {ends[0].name} to "
                f"{ends[-1]} with {ends[-1].name})"
            )
    if told:
        yield f"Term by term, intervals of the difference from the base: {'; '.join(told)}."


def _off(one: Number) -> float:
    return abs(one.value - NEUTRAL)
