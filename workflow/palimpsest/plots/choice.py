"""Choices that figures share: how much a page holds, the latest requests, ensembles."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from palimpsest.data.shards import parse_sharding
from palimpsest.report.shown import of_teachers
from palimpsest.report.tables import ALL_SEEDS, KEYS

# What a page holds; the tidy table holds the rest.
MOST_FAMILIES, MOST_GROUPS, MOST_ENSEMBLES, MOST_REQUESTS = 6, 8, 3, 6


def over_seeds(metrics: pd.DataFrame) -> pd.DataFrame:
    """Rows over all seeds; `seeds` is how many have the number."""
    keys = [key for key in KEYS if key in metrics]
    single = metrics[metrics["seed"] != ALL_SEEDS]
    seeds = single.groupby(keys)["value"].count().rename("seeds")
    return metrics[metrics["seed"] == ALL_SEEDS].join(seeds, on=keys)


def latest_requests(frame: pd.DataFrame, settings: dict) -> list[str]:
    """The latest requests that have a row, as many as a page holds, in their order."""
    requests = set(frame["request"])
    return [state for state in settings["states"] if state in requests][-MOST_REQUESTS:]


def shardings(values: Iterable[str], most: int | None = None) -> list[str]:
    """One sharding for each number of shards, that with the fewest slices; of many, ``most`` from
    the first to the last."""
    fewest: dict[int, str] = {}
    for sharding in sorted(set(values), key=parse_sharding):
        fewest.setdefault(parse_sharding(sharding)[0], sharding)
    chosen = list(fewest.values())
    if most and len(chosen) > most:
        chosen = [
            chosen[place] for place in np.linspace(0, len(chosen) - 1, most).round().astype(int)
        ]
    return chosen


def ensembles(frame: pd.DataFrame, most: int | None = MOST_ENSEMBLES) -> list[str]:
    """Shardings of more than one shard, if there are any: one shard is the single model by another
    name."""
    names = frame.loc[frame["method"].isin(of_teachers()), "shards"].unique()
    several = [name for name in names if parse_sharding(name)[0] > 1]
    return shardings(several or names, most)
