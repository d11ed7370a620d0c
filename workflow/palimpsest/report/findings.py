"""Numbers of the tidy table in sentences: what is reached, which numbers differ, and which their
intervals do not tell apart. Each track says its own (``findings`` of its summary)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pandas as pd

from palimpsest.data.shards import SINGLE, parse_sharding
from palimpsest.report.cells import interval, number, sharding
from palimpsest.report.shown import is_method, method_of

TOLD_APART = (
    "Below, two numbers are told apart where their intervals do not overlap. That is a strict "
    "rule, and an overlap does not show that they are equal."
)
ONE_SEED = " With another seed, or on another processor, models may come out in another order."
NAMED = 4  # names that a sentence lists


class Number(NamedTuple):
    """A number of a model; ``name``: the model's, for people."""

    name: str
    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return interval(self.value, self.low, self.high)


Numbers = dict[tuple[str, str], Number]  # by method and sharding, in their order


def found(now: pd.DataFrame, set_: str, metric: str, group: str = "") -> Numbers:
    """The numbers that are defined, of models that no attack changed."""
    chosen = now[
        (now["set"] == set_)
        & (now["metric"] == metric)
        & (now["group"] == group)
        & (now["attack"] == "")
        & now["value"].notna()
    ]
    rows = sorted(
        chosen.itertuples(),
        key=lambda row: (
            method_of(row.method).place if is_method(row.method) else -1,
            parse_sharding(row.shards),
        ),
    )
    return {
        (row.method, row.shards): Number(
            called(row.method, row.shards), row.value, row.ci_low, row.ci_high, row.n
        )
        for row in rows
    }


def called(method: str, shards: str) -> str:
    """A model for people: 'SISA, majority vote, 5 × 2'."""
    if method in ("base", "oracle"):
        return f"the {method}"
    name = method_of(method).label if is_method(method) else "SISA"
    single = is_method(method) and method_of(method).needs != "teachers"
    return name if single and shards == SINGLE else f"{name}, {sharding(shards)}"


def apart(one: Number, other: Number) -> bool:
    """Whether intervals do not overlap. A number without an interval is apart from none."""
    return one.low > other.high or one.high < other.low


def difference(one: Number, other: Number) -> str:
    """How ``one`` differs from ``other``, as the end of a sentence about it."""
    if not apart(one, other):
        return "these two cannot be told apart"
    by = number(abs(one.value - other.value))
    return f"{by} {'higher' if one.value > other.value else 'lower'}"


def nearest(numbers: Iterable[Number], to: float) -> list[Number]:
    """The number with the least distance to a value; several, where these are equal."""
    numbers = list(numbers)
    least = min(abs(one.value - to) for one in numbers)
    return [one for one in numbers if abs(one.value - to) <= least + 1e-9]


def leading(numbers: Iterable[Number], to: float) -> str:
    """The numbers nearest to a value, and which others cannot be told from the first of them."""
    numbers = list(numbers)
    first = nearest(numbers, to)
    alike = [one for one in numbers if one not in first and not apart(one, first[0])]
    tied = f"; not told apart from it: {listed(one.name for one in alike)}" if alike else ""
    return f"{listed(f'{one.name}, {one}' for one in first)}{tied}"


def listed(names: Iterable[str]) -> str:
    """'a; b and c': the names have commas. Of many the first, and how many more there are."""
    names = list(names)
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return " and ".join(filter(None, ["; ".join(names[:-1]), names[-1]]))


def spanned(numbers: Iterable[Number]) -> str:
    """A few numbers with the names of their models, or the least and the greatest of many."""
    ordered = sorted(numbers, key=lambda one: one.value)
    told = [f"{one} with {one.name}" for one in ordered]
    return listed(told) if len(told) < NAMED else f"from {told[0]} to {told[-1]}"


def share(part: Iterable[Number], whole: Iterable[Number], what: str) -> str:
    """'2 of 3 methods (a and b)', '8 of 9 methods (all but c)', 'none of 3 methods'."""
    part, whole = list(part), list(whole)
    if len(whole) == 1:
        return f"the one {what}" if part else f"no {what}"
    if len(part) in (0, len(whole)):
        return f"{'all' if part else 'none of'} {len(whole)} {what}s"
    others = [one.name for one in whole if one not in part]
    named = listed(one.name for one in part)
    if len(others) < len(part) and len(part) > NAMED:
        named = f"all but {listed(others)}"
    return f"{len(part)} of {len(whole)} {what}s ({named})"


def cost(now: pd.DataFrame, request: str) -> Iterator[str]:
    """What the newest request took, of a full retraining, which the oracle stands for."""
    shares = found(now, "train", "retrained_share")
    served = [one for (method, _), one in shares.items() if method != "oracle"]
    if served:
        owners = f"{served[0].n} owner{'' if served[0].n == 1 else 's'}"
        yield (
            f"Cost: to serve {request} ({owners}), as a share of the tokens of a full retraining: "
            f"{spanned(served)}."
        )
