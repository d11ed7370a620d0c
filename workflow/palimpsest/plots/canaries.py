"""How far planted secrets stand out among those that could stand in their place, over how often
they were in the text."""

from __future__ import annotations

from math import e, log2

import pandas as pd
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.methods.shown import in_method_order
from palimpsest.plots import style as common

select = selections.canaries
TITLES = {
    "forget": "Secrets asked to be forgotten",
    "controls": "Secrets that nobody asks to forget",
}
CHANCE = log2(e)  # bits: the mean of -log2 of a uniform draw


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: set (forget, controls), method, repetitions, value (bits), ci_low, ci_high. A panel a
    set."""
    sets, methods = list(frame["set"].unique()), list(frame["method"].unique())
    counts = sorted(frame["repetitions"].unique())
    made, axes = common.figure(style, 3.2, 1, len(sets), sharey=True)
    for place, set_ in zip(axes[0], sets, strict=True):
        place.axhline(CHANCE, color=common.GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        for number, (method, points) in enumerate(
            frame[frame["set"] == set_].groupby("method", sort=False)
        ):
            way, at = (
                common.look(method),
                points["repetitions"].map(counts.index) + common.nudge(number, len(methods)),
            )
            place.errorbar(
                at,
                points["value"],
                yerr=common.whiskers(points),
                linewidth=0.8,
                marker=way.marker,
                linestyle="none",
                color=way.colour,
                markerfacecolor=way.face,
                markersize=way.size,
                elinewidth=0.6,
                zorder=3,
            )
        place.set_xticks(range(len(counts)), [str(count) for count in counts])
        place.set_title(TITLES[set_])
    axes[0, 0].set_ylim(bottom=0)
    made.supxlabel("Times that the secret stood in the text", fontsize=8)
    made.supylabel("Exposure (bits)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(methods)]
    handles.append(common.dashed_handle("by chance"))
    common.legend(made, handles, columns=3)
    return made
