"""Whether models say the new answers that they were taught, and nothing else anew."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest.plots import style as common
from palimpsest.plots.choice import over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, method_of

TITLES = {"reliability": "Reliability", "generality": "Generality", "locality": "Locality"}


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Reliability, generality and locality in the newest state, of all edits."""
    now = newest(over_seeds(metrics), settings)
    chosen = now[now["metric"].isin(TITLES) & (now["set"] == "forget") & (now["group"] == "")]
    columns = ["metric", "method", "value", "ci_low", "ci_high", "n", "seeds"]
    return in_order(chosen[columns], metric=TITLES, method=in_method_order(chosen["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: metric (of TITLES), method, value, ci_low, ci_high, n, seeds. One panel per metric, a
    row a method."""
    shown, methods = list(frame["metric"].unique()), in_method_order(frame["method"])
    made, axes = common.panels(style, len(shown), 0.7, 0.5 + 0.19 * len(methods))
    for place, metric in zip(axes, shown, strict=True):
        part = frame[frame["metric"] == metric]
        for method, points in part.groupby("method", sort=False):
            row = [methods.index(method)] * len(points)
            common.mark(place, method, points["value"], row, xerr=common.whiskers(points))
        place.set_title(TITLES[metric])
        place.set_xlim(-0.03, 1.03)
        place.set_ylim(len(methods) - 0.5, -0.5)
        place.set_yticks(range(len(methods)), [method_of(name).label for name in methods])
    made.supxlabel("Share of tokens (reliability, generality), of prompts (locality)", fontsize=8)
    return made


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"edits": frame["n"]})
