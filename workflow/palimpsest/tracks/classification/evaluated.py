"""Which models and ensembles are listed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from palimpsest.data.shards import parse_sharding
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order, is_method, method_of

DECIDED = ("accuracy", "equalized_odds_max", "tpr", "fpr")  # equal where all decisions are


def evaluated(now: pd.DataFrame) -> pd.DataFrame:
    """(method, shards) of all that decides, in the order of the registry; of equal single models
    only the first.

    With one shard and slice there is one teacher: the oracle, and nothing to vote or aggregate.
    """
    pairs = now.loc[
        (now["set"] == "test") & now["method"].map(is_method), ["method", "shards"]
    ].drop_duplicates()
    pairs = in_order(
        pairs,
        method=in_method_order(pairs["method"]),
        shards=sorted(pairs["shards"].unique(), key=parse_sharding),
    )
    kept: list[tuple[bool, pd.Series]] = []
    twins = []
    for method, shards in pairs.itertuples(index=False):
        if parse_sharding(shards) != (1, 1):
            continue
        said = now[
            (now["method"] == method) & (now["shards"] == shards) & now["metric"].isin(DECIDED)
        ]
        mine = (
            method_of(method).fitted,
            said.set_index(["set", "metric", "group"])["value"].sort_index(),
        )
        if method_of(method).needs == "teachers" and any(_equal(mine, other) for other in kept):
            twins.append((method, shards))
        kept.append(mine)
    return pairs[
        [pair not in twins for pair in pairs.itertuples(index=False, name=None)]
    ].reset_index(drop=True)


def _equal(one: tuple[bool, pd.Series], other: tuple[bool, pd.Series]) -> bool:
    return (
        one[0] == other[0]
        and one[1].index.equals(other[1].index)
        and np.allclose(one[1], other[1], rtol=0, atol=1e-9, equal_nan=True)
    )
