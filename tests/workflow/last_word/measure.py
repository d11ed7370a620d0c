from __future__ import annotations

import numpy as np
import pandas as pd

from palimpsest.data.shards import SINGLE
from palimpsest.data.storage import read_parquet
from palimpsest.report.tables import row
from palimpsest.tracks.measured import Given, Measured, whose

SETS = {"heldout": "test", "trained": "retain", "forget": "forget"}


def measure(given: Given, settings: dict) -> Measured:
    """Mean probability of the last token, of each set."""
    rows = []
    for file, name in SETS.items():
        frames = [frame for path in given[file] if len(frame := read_parquet(path))]
        if frames:
            probability = np.exp(pd.concat(frames)["logp"])
            value, n = probability.mean(), len(probability)
            rows.append(row(whose(settings, SINGLE), name, "probability", value, n))
    return Measured(rows)
