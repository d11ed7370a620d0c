"""Single numbers of the tidy table, as texts for the cells of small tables."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from palimpsest.data.shards import parse_sharding
from palimpsest.report.shown import method_of
from palimpsest.report.tables import FEWEST, NOT_OF_RECORDS

NONE = "–"
TOO_FEW = (
    "WARNING: membership is not defined where {} records were forgotten: with so few of them, or "
    "of unseen records to compare them with, not even the best attack could be told from chance. 4 "
    "and 4 are enough, 3 and 5, or 2 and 8. Ask for more records, or keep more out of training."
)


def lookup(now: pd.DataFrame, set_: str) -> pd.DataFrame:
    keys = ["method", "shards", "group", "metric"]
    return (
        now[now["set"] == set_]
        .drop_duplicates(keys)
        .set_index(keys)[["value", "ci_low", "ci_high", "n"]]
        .sort_index()
    )


def shown(numbers: pd.DataFrame, method: str, shards: str, group: str, metric: str) -> str:
    """'value [low, high]', the value alone where there is no spread, or a dash where there is no
    such number; with its n where that is small."""
    key = (method, shards, group, metric)
    if key not in numbers.index:
        return NONE
    value, low, high, n = numbers.loc[key]
    return interval(value, low, high) + of_few(metric, n)


def of_few(metric: str, n: float) -> str:
    """' (n = 1)' behind a number of so few records that it has no interval over them."""
    return f" (n = {n:.0f})" if metric not in NOT_OF_RECORDS and n < FEWEST else ""


def too_few(now: pd.DataFrame) -> Iterator[str]:
    """A warning where membership is not defined, with the records that there are."""
    asked = now[now["metric"] == "membership_auroc"]
    undefined = asked[asked["value"].isna()]
    if len(undefined):
        counts = ", ".join(str(count) for count in sorted(set(undefined["n"])))
        yield TOO_FEW.format(counts)


def interval(value: float, low: float, high: float) -> str:
    """'value [low, high]', or the value alone where there is no spread."""
    return f"{number(value)} [{number(low)}, {number(high)}]" if high > low else number(value)


def number(value: float) -> str:
    """Three decimals; one digit for values too small for them, whole numbers for large ones; a dash
    for NaN."""
    if not math.isfinite(value):
        return f"{value}".replace("inf", "∞").replace("nan", NONE)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0e}" if 0 < abs(value) < 0.0005 else f"{value:.3f}"


def retrained(train: pd.DataFrame, method: str, shards: str) -> str:
    """Share of a full retraining that the newest request took: none for the base, 1 for a single
    model that is trained again, measured for methods."""
    if method_of(method).needs == "base":
        return NONE
    if method_of(method).trains:
        return shown(train, method, shards, "", "retrained_share")
    return shown(
        train,
        "oracle" if parse_sharding(shards) == (1, 1) else "sisa",
        shards,
        "",
        "retrained_share",
    )


def sharding(shards: str) -> str:
    return shards.replace("x", " × ")
