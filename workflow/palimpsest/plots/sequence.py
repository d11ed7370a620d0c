"""Requests one after another against all of them at once: what is left of the forgotten, and of the
rest, after each."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.methods.shown import in_method_order
from palimpsest.plots import style as common

select = selections.sequence
TITLES = {"forget": "All that is forgotten so far", "retain": "Retained"}


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: set (forget, retain), method, order, request, value (probability of an answer),
    ci_low, ci_high. A panel a set."""
    sets, methods, requests = (list(frame[name].unique()) for name in ("set", "method", "request"))
    made, axes = common.figure(style, 3.2, 1, len(sets), sharey=True)
    for place, set_ in zip(axes[0], sets, strict=True):
        for number, (method, points) in enumerate(
            frame[frame["set"] == set_].groupby("method", sort=False)
        ):
            way, at = (
                common.look(method),
                points["request"].map(requests.index) + common.nudge(number, len(methods)),
            )
            place.errorbar(
                at,
                points["value"],
                yerr=common.whiskers(points),
                linewidth=0.9,
                linestyle=(0, (4, 2)) if points["order"].iloc[0] == "batch" else "-",
                marker=way.marker,
                color=way.colour,
                markerfacecolor=way.face,
                markersize=way.size,
                elinewidth=0.6,
                zorder=3,
            )
        place.set_xticks(range(len(requests)), requests)
        place.set_title(TITLES[set_])
        place.set_ylim(-0.03, 1.03)
    made.supxlabel("Requests served", fontsize=8)
    made.supylabel("Probability of an answer", fontsize=8)
    common.legend(
        made, [common.method_handle(name) for name in in_method_order(methods)], columns=3
    )
    common.turn_ticks(made)
    return made
