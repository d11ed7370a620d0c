"""What figures of social bias share: the scores of StereoSet, and where no side is preferred."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from palimpsest.plots import style as common
from palimpsest.plots.choice import over_seeds
from palimpsest.report.rows import newest

SS, LMS, ICAT = "stereotype_score", "language_modeling_score", "icat"
GAP = "pronoun_preference"
TITLES = {
    ICAT: "ICAT (1 is best)",
    SS: "Stereotype score (0.5 prefers neither)",
    LMS: "Language modelling score",
}
OF = (("pronouns", "stereoset"), ("about=forgotten", ""))  # sets and groups, of GAP and of others
NEUTRAL = 0.5
DOTTED = {"color": common.BLACK, "linewidth": 0.8, "linestyle": (0, (1, 1.5)), "zorder": 1}
VALUES = ["value", "ci_low", "ci_high"]


def scores(metrics: pd.DataFrame, settings: dict, wanted: Iterable[str]) -> pd.DataFrame:
    """Rows of the newest state: metric (of ``wanted``), method, value, ci_low, ci_high, n, seeds.
    Of StereoSet all items; GAP of the pairs about what was asked to be forgotten."""
    now = newest(over_seeds(metrics), settings)
    pairs = now["metric"] == GAP
    sets, groups = (np.where(pairs, *one) for one in OF)
    of_all = (now["set"] == sets) & (now["group"] == groups)
    chosen = now[of_all & now["metric"].isin([*wanted])]
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
