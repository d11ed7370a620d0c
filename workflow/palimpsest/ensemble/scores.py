"""Stored scores -> the probabilities of each ensemble in a state. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.storage import read_parquet


def read_scores(paths: list[Path], record_ids: list[str]) -> dict[str, np.ndarray]:
    """Score files, the oldest state first -> {sharding: (S, n, C) probabilities}, records in the
    order of ``record_ids``.

    Where several files score a shard, the last one counts: a state reuses the scores of earlier
    states for the shards that did not change. Scores of records that ``record_ids`` leaves out (the
    forgotten) are left out, not computed again.
    """
    ensembles: dict[str, dict[int, np.ndarray]] = {}
    for path in paths:
        frame = read_parquet(path)
        columns = [name for name in frame.columns if name.startswith("logp_")]
        for (sharding, shard), rows in frame.groupby(["sharding", "shard"], sort=True):
            logp = rows.set_index("record_id")[columns].reindex(record_ids)
            if logp.isna().to_numpy().any():
                raise ValueError(
                    f"{path}: scores of {int(logp.isna().any(axis=1).sum())} records are missing "
                    "or not numbers"
                )
            ensembles.setdefault(str(sharding), {})[int(shard)] = np.exp(
                logp.to_numpy(dtype=np.float64)
            )
    return {
        sharding: np.stack([shards[s] for s in sorted(shards)])
        for sharding, shards in ensembles.items()
    }


def present(index: pd.DataFrame, forgotten: list[str], splits: tuple[str, ...]) -> pd.DataFrame:
    """Rows of the index in ``splits`` whose owner has not been forgotten."""
    return index[index["split"].isin(splits) & ~index["owner"].isin(forgotten)].reset_index(
        drop=True
    )
