"""Whether less bias of the kinds that were trained on carries over to others."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest.plots import style as common
from palimpsest.plots.bias import DOTTED, NEUTRAL, SS, VALUES, neutral_handle
from palimpsest.plots.choice import over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, method_of

ACROSS = 4  # panels a row
ASIDE = 0.26  # rows, that the base's interval stands above a method's
PREFIX = "domain="
OF_BASE = {"value": "base", "ci_low": "base_low", "ci_high": "base_high"}


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """SS by domain in the newest state, of every method beside the base's; change: the difference
    of the two values, which has no interval of its own."""
    now = newest(over_seeds(metrics), settings)
    now = now[(now["set"] == "stereoset") & (now["metric"] == SS)]
    now = now[now["group"].str.startswith(PREFIX)]
    now = now.assign(group=now["group"].str.removeprefix(PREFIX))
    base = now[now["method"] == "base"].rename(columns=OF_BASE)[["group", *OF_BASE.values()]]
    rows = now[now["method"] != "base"][["group", "method", *VALUES, "n", "seeds"]]
    joined = rows.merge(base, on="group")
    joined = joined.assign(change=joined["value"] - joined["base"])
    groups = sorted(joined["group"].unique())
    return in_order(joined, group=groups, method=in_method_order(joined["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: group (the domain), method, value, ci_low, ci_high, base, base_low, base_high, change,
    n, seeds. One panel per domain, a row a method, with the base's mark above its own."""
    groups, methods = list(frame["group"].unique()), in_method_order(frame["method"])
    columns = min(len(groups), ACROSS)
    rows = -(-len(groups) // columns)
    height = 0.9 + rows * (0.45 + 0.22 * len(methods))
    made, axes = common.figure(style, height, rows, columns, sharex=True, sharey=True)
    for place in axes.flat[len(groups) :]:
        place.set_axis_off()
    for place in axes.flat[len(groups) - columns : len(groups)]:  # nothing stands below them
        place.tick_params(labelbottom=True)
    for place, group in zip(axes.flat, groups, strict=False):
        part = frame[frame["group"] == group]
        place.axvline(NEUTRAL, **DOTTED)
        common.reference(place, part["base"].iloc[0])
        at = common.positions(part["method"], methods)
        place.errorbar(
            part["base"], at - ASIDE, marker="|", linestyle="none", color=common.GREY,
            xerr=common.whiskers(part, *OF_BASE.values()), elinewidth=0.6, label="base",
        )  # fmt: skip
        for method, points in part.groupby("method", sort=False):
            row = [methods.index(method)] * len(points)
            common.mark(place, method, points["value"], row, xerr=common.whiskers(points))
        place.set_title(f"{group} (n = {common.span(part['n'])})")
        place.set_ylim(len(methods) - 0.5, -0.5)
        place.set_yticks(range(len(methods)), [method_of(name).label for name in methods])
    made.supxlabel("Stereotype score", fontsize=8)
    grey = Line2D([], [], marker="|", linestyle="-", color=common.GREY, linewidth=0.6)
    grey.set_label("the base, with its interval")
    common.legend(made, [grey, common.dashed_handle("the base's"), neutral_handle()], columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"target terms": frame["n"]})
