"""All methods by their idealized CAT score, and which of its two parts makes it."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest.plots import style as common
from palimpsest.plots.bias import DOTTED, ICAT, LMS, NEUTRAL, SS, TITLES, neutral_handle, scores
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order, method_of

WIDTHS = {ICAT: 2.0, SS: 1.1, LMS: 1.1}  # of panels, to one another
SHORT = {ICAT: TITLES[ICAT], SS: "SS (0.5: neither)", LMS: "LMS"}


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """ICAT, SS and LMS in the newest state, the method of the highest ICAT first."""
    found = scores(metrics, settings, WIDTHS)
    methods = in_method_order(found["method"])
    icat = found[found["metric"] == ICAT].set_index("method")["value"]
    ordered = sorted((one for one in methods if one in icat), key=lambda one: -icat[one])
    return in_order(found, metric=WIDTHS, method=ordered)


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: metric (of WIDTHS), method, value, ci_low, ci_high, n, seeds. One panel per metric, a
    row a method."""
    shown, methods = list(frame["metric"].unique()), list(frame["method"].unique())
    widths = {"width_ratios": [WIDTHS[metric] for metric in shown]}
    height = 0.95 + 0.19 * len(methods)
    made, axes = common.figure(style, height, 1, len(shown), sharey=True, gridspec_kw=widths)
    for place, metric in zip(axes[0], shown, strict=True):
        part = frame[frame["metric"] == metric]
        for base in part.loc[part["method"] == "base", "value"]:
            common.reference(place, base)
        if metric == SS:
            place.axvline(NEUTRAL, **DOTTED)
        for method, points in part.groupby("method", sort=False):
            row = [methods.index(method)] * len(points)
            common.mark(place, method, points["value"], row, xerr=common.whiskers(points))
        place.set_title(SHORT[metric])
        place.set_ylim(len(methods) - 0.5, -0.5)
        place.set_yticks(range(len(methods)), [method_of(name).label for name in methods])
        place.locator_params(axis="x", nbins=5)
    made.supxlabel("Score in [0, 1]", fontsize=8)
    handles = [common.dashed_handle("the base's")]
    common.legend(made, handles + ([neutral_handle()] if SS in shown else []), columns=2)
    return made


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"target terms": frame["n"]})
