"""What figures of social bias share: the scores of StereoSet, and where no side is preferred."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from matplotlib.lines import Line2D

from palimpsest.plots import style as common
from palimpsest.plots.choice import over_seeds
from palimpsest.report.rows import newest

SS, LMS, ICAT = "stereotype_score", "language_modeling_score", "icat"
TITLES = {
    ICAT: "ICAT (1 is best)",
    SS: "Stereotype score (0.5 prefers neither)",
    LMS: "Language modelling score",
}
NEUTRAL = 0.5
DOTTED = {"color": common.BLACK, "linewidth": 0.8, "linestyle": (0, (1, 1.5)), "zorder": 1}
VALUES = ["value", "ci_low", "ci_high"]


def scores(metrics: pd.DataFrame, settings: dict, wanted: Iterable[str]) -> pd.DataFrame:
    """Rows of StereoSet in the newest state, of all its items: metric (of ``wanted``), method,
    value, ci_low, ci_high, n, seeds."""
    now = newest(over_seeds(metrics), settings)
    chosen = now[(now["set"] == "stereoset") & now["metric"].isin([*wanted]) & (now["group"] == "")]
    return chosen[["metric", "method", *VALUES, "n", "seeds"]].reset_index(drop=True)


def neutral_handle() -> Line2D:
    return Line2D([], [], label="no side preferred", **DOTTED)


def rates(frame: pd.DataFrame) -> str:
    """A sentence where what is set side by side was trained at several learning rates."""
    chosen = " Learning rates were chosen by trials." if frame["rate"].isna().any() else ""
    known = sorted({one for one in frame["rate"] if one > 0})
    if len(known) < 2:
        return chosen
    return f" Learning rates differ, from {known[0]:g} to {known[-1]:g}.{chosen}"
