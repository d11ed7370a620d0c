"""Accuracy against equalized-odds gap: what each method pays for how much fairness. A row a family
of groups, a column an ensemble."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.methods.shown import in_method_order, of_teachers
from palimpsest.plots import style as common

select = selections.tradeoff


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: family, shards, method, and accuracy and gap, each with _low and _high. Single models
    stand in every column."""
    single = ~frame["method"].isin(of_teachers())
    families, shardings = frame["family"].unique(), frame.loc[~single, "shards"].unique()
    columns = list(shardings) or ["1x1"]
    height = 0.9 + (2.6 if len(families) == 1 else 1.75 * len(families))
    made, axes = common.figure(
        style, height, len(families), len(columns), sharey=True, sharex="row"
    )
    for row, family in zip(axes, families, strict=True):
        for place, sharding in zip(row, columns, strict=True):
            panel(
                place, frame[(frame["family"] == family) & (single | (frame["shards"] == sharding))]
            )
            place.set_title(common.panel_title(family, sharding, len(families)))
    for place in axes.flat:  # once all is drawn, for the axes are shared
        common.from_zero(place, "x")
        common.percent(place.xaxis)
        common.percent(place.yaxis)
    made.supxlabel(
        "Equalized-odds gap between groups (percentage points; left is fairer)", fontsize=8
    )
    made.supylabel("Accuracy (% of test records)", fontsize=8)
    shown = in_method_order(frame["method"])
    common.legend(made, [common.method_handle(name) for name in shown], columns=3)
    return made


def panel(place, frame: pd.DataFrame) -> None:
    for method, points in frame.groupby("method", sort=False):
        way = common.look(method)
        place.errorbar(
            points["gap"],
            points["accuracy"],
            label=method,
            xerr=common.whiskers(points, "gap", "gap_low", "gap_high"),
            yerr=common.whiskers(points, "accuracy", "accuracy_low", "accuracy_high"),
            marker=way.marker,
            linestyle="none",
            color=way.colour,
            markerfacecolor=way.face,
            markersize=way.size,
            elinewidth=0.7,
            zorder=3,
        )
