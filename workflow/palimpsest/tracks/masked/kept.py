"""What this repository keeps of a finished study, for its pages."""

from __future__ import annotations

import pandas as pd

from palimpsest.tracks.masked import SETS


def kept(metrics: pd.DataFrame, family: str) -> pd.DataFrame:
    """All numbers by which bias is judged, of the whole set of each."""
    return metrics[metrics["set"].isin((*SETS, "probe")) & (metrics["group"] == "")]
