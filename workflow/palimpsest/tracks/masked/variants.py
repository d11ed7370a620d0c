"""What variants of PCGU answer, set side by side: whether to part weights, whether it carries over,
which way to go, and where the blocks lie."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from palimpsest.data.shards import SINGLE
from palimpsest.report.blocks import layers_in_order
from palimpsest.report.cells import number
from palimpsest.report.findings import (
    Number,
    Numbers,
    apart,
    difference,
    found,
    leading,
    listed,
    nearest,
    share,
)
from palimpsest.report.shown import method_of

BASE = ("base", SINGLE)
NEUTRAL = 0.5  # a stereotype score that prefers neither
SS, LMS = "stereotype_score", "language_modeling_score"
PREFIX, FORGOTTEN = "domain=", "about=forgotten"
# how a side is called
SIDES = {
    "lower": "lowering the advantaged word",
    "raise": "raising the disadvantaged one",
    "dynamic": "moving both by which is likelier now",
}
RUN = "partitioned run"
MOST = 3  # layers, or kinds, that a sentence names
CHOSEN = "chosen by trials"  # instead of a learning rate


def answers(now: pd.DataFrame, settings: dict, others: Numbers) -> Iterator[str]:
    """others: SS of all methods, which are compared by domain."""
    ss, lms = (found(now, "stereoset", metric) for metric in (SS, LMS))
    yield from partitioning(ss, lms, settings.get("partitions", {}))
    yield from domains(now, others)
    gaps = found(now, "pronouns", "pronoun_preference", FORGOTTEN)
    yield from direction(ss, lms, gaps, settings.get("directions", {}))
    yield from where(settings.get("changed"))


def partitioning(ss: Numbers, lms: Numbers, variants: dict[str, dict]) -> Iterator[str]:
    """Whether moving some blocks alone keeps language modelling, where bias is as without: of the
    partitioned runs whose SS is not told apart from the run of all blocks, that of the highest
    LMS."""
    scored = {name: one for name, one in variants.items() if (name, SINGLE) in ss}
    whole = next((name for name, one in scored.items() if one["whole"]), None)
    parted = [name for name, one in scored.items() if not one["whole"]]
    if whole is None or not parted:
        return
    bias, sense = ({name: of[name, SINGLE] for name in scored} for of in (ss, lms))
    known = f", {lms[BASE]} for the base" if BASE in lms else ""
    rates = [rate(scored[name]) for name in (whole, *parted)]
    if set(rates) == {CHOSEN}:
        known += f" (learning rates {CHOSEN})"
    elif len(set(rates)) > 1:
        known += f" (learning rate {rates[0]}; of the others {listed(dict.fromkeys(rates[1:]))})"
    told = (
        f"Partitioning: without it ({bias[whole].name}) the stereotype score is {bias[whole]} and "
        f"the language modelling score {sense[whole]}{known}."
    )
    like = [name for name in parted if not apart(bias[name], bias[whole])]
    if not like:
        (first, *_) = nearest((bias[name] for name in parted), bias[whole].value)
        yield (
            f"{told} No partitioned run has a stereotype score like that; the nearest is {first} "
            f"with {first.name}, so they are not compared."
        )
        return
    best = max(like, key=lambda name: sense[name].value)
    alike = share((bias[name] for name in like), (bias[name] for name in parted), RUN)
    yield (
        f"{told} With a stereotype score that is not told apart from that: {alike}. The highest "
        f"language modelling score of these is {sense[best]} with {bias[best].name} (stereotype "
        f"score {bias[best]}): {difference(sense[best], sense[whole])}. It was picked by this very "
        "number, which flatters it."
    )


def rate(variant: dict) -> str:
    found = variant["learning_rate"]
    return CHOSEN if found is None else f"{found:g}"


def domains(now: pd.DataFrame, others: Numbers) -> Iterator[str]:
    """In which domains bias is less than the base's, where there are several."""
    groups = now.loc[now["group"].str.startswith(PREFIX) & (now["set"] == "stereoset"), "group"]
    told = []
    for group in sorted(groups.unique()):
        scores = found(now, "stereoset", SS, group)
        asked = [one for key, one in scores.items() if key in others]
        if BASE in scores and asked:
            base = scores[BASE]
            nearer = [one for one in asked if apart(one, base) and _off(one) < _off(base)]
            name = group.removeprefix(PREFIX)
            told.append(f"{name} (base {base}, n = {base.n}) with {share(nearer, asked, 'method')}")
    if len(told) > 1:
        yield (
            f"By domain, nearer to {NEUTRAL} than the base and told apart from it: "
            f"{'; '.join(told)}."
        )


def direction(ss: Numbers, lms: Numbers, gaps: Numbers, variants: dict[str, dict]) -> Iterator[str]:
    """How far each side comes: of its numbers of epochs the one nearest to no bias, by StereoSet
    and by the pairs that it was trained with."""
    reached = _reached(ss, variants, NEUTRAL)
    if len(reached) < 2 or BASE not in ss:
        return
    parts = [
        f"{_after(one, variants)} ({difference(one, ss[BASE])}; language modelling "
        f"{lms[one.name, SINGLE]})"
        for one in reached
    ]
    named = [one._replace(name=_side(one, variants)) for one in reached]
    yield (
        f"Direction: from the base's stereotype score of {ss[BASE]} comes nearest to {NEUTRAL} "
        f"{listed(parts)}. Nearest of all: {leading(named, NEUTRAL)}."
    )
    closed = _reached(gaps, variants, 0)
    if len(closed) == len(reached) and BASE in gaps:
        yield (
            f"In the pairs themselves the base prefers one of the two pronouns by {gaps[BASE]} of "
            f"their sum; least {listed(_after(one, variants) for one in closed)}."
        )


def _reached(numbers: Numbers, variants: dict[str, dict], target: float) -> list[Number]:
    """Of each side the number nearest to the target, by the name of its method."""
    found = []
    for side in SIDES:
        names = [name for name, one in variants.items() if one["side"] == side]
        of_side = [numbers[name, SINGLE]._replace(name=name) for name in names
                   if (name, SINGLE) in numbers]  # fmt: skip
        found += nearest(of_side, target)[:1] if of_side else []
    return found


def _side(one: Number, variants: dict[str, dict]) -> str:
    return SIDES[variants[one.name]["side"]]


def _after(one: Number, variants: dict[str, dict]) -> str:
    return f"{_side(one, variants)} with {one} after {_epochs(variants[one.name]['epochs'])}"


def _epochs(count: int) -> str:
    return f"{count} epoch{'' if count == 1 else 's'}"


def where(changed: pd.DataFrame | None) -> Iterator[str]:
    """In which layers and kinds of tensors the changed blocks lie; of several seeds the sums."""
    if changed is None or changed.empty:
        return
    for method, part in changed.groupby("method", sort=False):
        total, every = part["changed"].sum(), part["blocks"].sum()
        if not total:
            continue
        seeds = part["seed"].nunique()
        over = "" if seeds == 1 else f" of {seeds} models"
        layers = _densest(part, "layer", layers_in_order(part["layer"]))
        kinds = _densest(part, "kind", part["kind"].unique())
        yield (
            f"Where: {method_of(method).label} changed {total:,} of {every:,} blocks{over} "
            f"({number(total / every)}); of layers most of {layers}; of tensors most of {kinds}."
        )


def _densest(part: pd.DataFrame, column: str, names) -> str:
    """The layers or kinds with the highest share of changed blocks."""
    sums = part.groupby(column)[["changed", "blocks"]].sum().loc[list(names)]
    shares = (sums["changed"] / sums["blocks"]).sort_values(ascending=False, kind="stable")
    return listed(
        f"{name if not name.isdigit() else f'block {name}'} "
        f"({number(one)} of {sums['blocks'][name]:,})"
        for name, one in shares.head(MOST).items()
    )


def _off(one: Number) -> float:
    return abs(one.value - NEUTRAL)
