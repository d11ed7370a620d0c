"""Single numbers of the tidy table, as texts for the cells of small tables."""

from __future__ import annotations

import math

import pandas as pd

from palimpsest.data.shards import parse_sharding
from palimpsest.methods.shown import method_of

NONE = "–"


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
    such number."""
    key = (method, shards, group, metric)
    if key not in numbers.index:
        return NONE
    value, low, high, _ = numbers.loc[key]
    return interval(value, low, high)


def interval(value: float, low: float, high: float) -> str:
    """'value [low, high]', or the value alone where there is no spread."""
    return f"{number(value)} [{number(low)}, {number(high)}]" if high > low else number(value)


def number(value: float) -> str:
    """Three decimals; of what is too small for them its order, of what is large the whole part; a
    dash for NaN."""
    if not math.isfinite(value):
        return f"{value}".replace("inf", "∞").replace("nan", NONE)
    return (
        f"{value:,.0f}"
        if abs(value) >= 1000
        else f"{value:.0e}"
        if 0 < abs(value) < 0.0005
        else f"{value:.3f}"
    )


def retrained(train: pd.DataFrame, method: str, shards: str) -> str:
    """The newest request's price: nothing for what never forgets, one full retraining for a single
    model, what it trained for a method."""
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
