"""What this repository keeps of a finished study, for its pages."""

from __future__ import annotations

import pandas as pd

# What the pages show of a study, and what decides which methods are the same.
METRICS = (
    "accuracy", "agreement", "auroc", "equalized_odds_max", "fpr", "retrained_share", "tpr",
)  # fmt: skip
SETS = ("test", "train")


def kept(metrics: pd.DataFrame, family: str) -> pd.DataFrame:
    """Rows of METRICS on test records and of what the deletion cost, over all records and by the
    groups of one family; none of attacks."""
    groups = metrics["group"].str.partition("=")[0]
    return metrics[
        (metrics["attack"] == "")
        & metrics["set"].isin(SETS)
        & metrics["metric"].isin(METRICS)
        & groups.isin(["", family])
    ]
