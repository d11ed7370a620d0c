"""Forgetting against utility: the base is where every method starts, the oracle where it ought to
end."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.methods.shown import in_method_order
from palimpsest.plots import style as common

select = selections.frontier


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: request, method, and forget and retain (probability of an answer), each with _low and
    _high. A panel a request."""
    requests = list(frame["request"].unique())
    made, axes = common.panels(style, len(requests), 1.0, 2.4)
    for place, request in zip(axes, requests, strict=True):
        part = frame[frame["request"] == request]
        for mark in part[part["method"] == "oracle"].itertuples():
            place.axvline(
                mark.forget, color=common.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1
            )
            place.axhline(
                mark.retain, color=common.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1
            )
        for method, points in part.groupby("method", sort=False):
            way = common.look(method)
            place.errorbar(
                points["forget"],
                points["retain"],
                xerr=common.whiskers(points, "forget", "forget_low", "forget_high"),
                yerr=common.whiskers(points, "retain", "retain_low", "retain_high"),
                marker=way.marker,
                linestyle="none",
                color=way.colour,
                markerfacecolor=way.face,
                markersize=way.size,
                elinewidth=0.7,
                zorder=3,
            )
        place.set_title(f"Request {request}" if len(requests) > 1 else f"After request {request}")
        place.set_xlim(-0.03, 1.03)
        place.set_ylim(-0.03, 1.03)
    made.supxlabel(
        "Probability of a forgotten answer (the dashed line is the oracle's)", fontsize=8
    )
    made.supylabel("Probability of a retained answer", fontsize=8)
    common.legend(
        made, [common.method_handle(name) for name in in_method_order(frame["method"])], columns=3
    )
    return made
