"""How far each model prefers a true answer to false ones: the distribution over items."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.methods.shown import in_method_order
from palimpsest.plots import style as common

select = selections.truth_ratio
TITLES = {"forget": "Forgotten records", "retain": "Retained records", "test": "Test records"}


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, set, share (of items), value (at most this is their 1 / (1 + R)). A panel a
    set."""
    sets = list(frame["set"].unique())
    made, axes = common.figure(style, 3.0, 1, len(sets), sharex=True, sharey=True)
    for place, set_ in zip(axes[0], sets, strict=True):
        place.axvline(0.5, color=common.GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        for method, points in frame[frame["set"] == set_].groupby("method", sort=False):
            way = common.look(method)
            place.plot(
                points["value"],
                points["share"],
                color=way.colour,
                linewidth=1.1,
                marker=way.marker,
                markersize=way.size * 0.7,
                markerfacecolor=way.face,
                markevery=max(1, len(points) // 5),
            )
        place.set_title(TITLES[set_])
        place.set_xlim(0, 1)
        place.set_ylim(-0.02, 1.02)
    made.supxlabel("Preference for the true answer, 1 / (1 + truth ratio)", fontsize=8)
    made.supylabel("Share of records up to that", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    handles.append(common.dashed_handle("no preference"))
    common.legend(made, handles, columns=3)
    return made
