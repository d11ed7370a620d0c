"""The price of fairness: mean cost of errors of each FairSISA rule over the gap that it is allowed,
fitted and held out."""

from __future__ import annotations

from itertools import zip_longest

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from palimpsest import selections
from palimpsest.methods.shown import in_method_order, method_of
from palimpsest.plots import style as common

select = selections.curve
LINES = {"valid": ((0, (4, 1.5)), "fitted records"), "test": ("-", "held-out records")}


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: family, shards, method, set (valid, test), eps, cost, cost_low, cost_high. A row a
    family, a column an ensemble."""
    families, shardings = frame["family"].unique(), frame["shards"].unique()
    height = 0.9 + (2.4 if len(families) == 1 else 1.7 * len(families))
    made, axes = common.figure(
        style, height, len(families), len(shardings), sharex=True, sharey="row"
    )
    for row, family in zip(axes, families, strict=True):
        for place, sharding in zip(row, shardings, strict=True):
            panel(place, frame[(frame["family"] == family) & (frame["shards"] == sharding)])
            common.percent(place.xaxis)
            place.set_title(common.panel_title(family, sharding, len(families)))
    made.supxlabel("Allowed equalized-odds gap (percentage points)", fontsize=8)
    made.supylabel("Mean cost of errors per record", fontsize=8)
    common.legend(made, handles(frame), columns=3)
    return made


def panel(place, frame: pd.DataFrame) -> None:
    for (method, set_), points in frame.groupby(["method", "set"], sort=False):
        way, dash = common.look(method), LINES[set_][0]
        points = points.sort_values("eps")
        if set_ == "test":
            place.fill_between(
                points["eps"],
                points["cost_low"],
                points["cost_high"],
                color=way.colour,
                alpha=0.12,
                linewidth=0,
            )
        place.plot(
            points["eps"],
            points["cost"],
            color=way.colour,
            linestyle=dash,
            marker=way.marker,
            markersize=3.2,
            markerfacecolor=way.colour if set_ == "test" else "white",
            label=f"{method} {set_}",
        )


def handles(frame: pd.DataFrame) -> list:
    shown = in_method_order(frame["method"])
    ways = [common.look(name) for name in shown]
    rules = [
        Line2D(
            [], [], color=way.colour, marker=way.marker, markersize=4, label=method_of(name).label
        )
        for name, way in zip(shown, ways, strict=True)
    ]
    others = [
        Line2D(
            [],
            [],
            color=common.GREY,
            linestyle=dash,
            marker="o",
            markersize=3.2,
            markerfacecolor=face,
            label=text,
        )
        for (dash, text), face in zip(LINES.values(), ("white", common.GREY), strict=True)
    ]
    if (frame["seeds"] > 1).any():
        others.append(
            Patch(
                color=common.GREY, alpha=0.3, linewidth=0, label="held out, least to most of seeds"
            )
        )
    return [handle for pair in zip_longest(rules, others) for handle in pair if handle]
