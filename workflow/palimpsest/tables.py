"""The one tidy table: a row a number."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from palimpsest.metrics import METRICS

COLUMNS = [
    "study", "seed", "request", "method", "shards", "model", "set", "metric", "group",
    "value", "n", "ci_low", "ci_high", "direction", "source",
]  # fmt: skip
KEYS = ["study", "request", "method", "shards", "model", "set", "metric", "group"]
ALL_SEEDS = "all"


def row(where: dict, set_: str, metric: str, value: float, n: int, interval=(np.nan, np.nan), group: str = "") -> dict:
    """One row; ``where`` holds study, seed, request, method, shards and model."""
    described = METRICS[metric]
    return where | {
        "set": set_, "metric": metric, "group": group, "value": float(value), "n": int(n),
        "ci_low": float(interval[0]), "ci_high": float(interval[1]),
        "direction": described.direction, "source": described.source,
    }  # fmt: skip


def table(rows: Iterable[dict]) -> pd.DataFrame:
    """Rows as a table in a fixed order of rows and columns."""
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    frame["seed"] = frame["seed"].astype(str)
    return frame.sort_values(["seed", *KEYS], kind="stable", ignore_index=True)


def over_seeds(frame: pd.DataFrame, z: float = 1.959964) -> pd.DataFrame:
    """Rows with seed 'all': the mean over seeds, and an interval that holds both sources of spread.

    variance = (mean over seeds of the bootstrap variance within a seed) + (variance between seeds) / (number of seeds). The records are the
    same in every seed, so their part is not divided. The interval is mean +- z * sqrt(variance), z for 95 % unless told.
    """
    within = ((frame["ci_high"] - frame["ci_low"]) / (2 * z)) ** 2
    grouped = frame.assign(within=within).groupby(KEYS, sort=True, dropna=False)
    merged = grouped.agg(
        value=("value", "mean"), n=("n", "mean"), direction=("direction", "first"), source=("source", "first"),
        within=("within", "mean"), between=("value", "var"), seeds=("seed", "nunique"),
    ).reset_index()  # fmt: skip
    variance = merged["within"].fillna(0) + (merged["between"] / merged["seeds"]).fillna(0)
    known = merged["within"].notna() | (merged["seeds"] > 1)
    half = z * np.sqrt(variance.where(known))
    merged = merged.assign(ci_low=merged["value"] - half, ci_high=merged["value"] + half, seed=ALL_SEEDS)
    return merged.assign(n=merged["n"].round().astype("int64"))[COLUMNS]
