"""How the perplexity of forgotten and of retained text moves while a method trains."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from palimpsest import selections
from palimpsest.methods.shown import in_method_order
from palimpsest.plots import style as common

select = selections.curves
# by how many times the highest is as high as the lowest
TICKS = {10: (1, 1.5, 2, 3, 5), 100: (1, 2, 5), math.inf: (1,)}
TITLES = {"forget": "Forgotten text", "retain": "Retained text"}


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, set (forget, retain), update, value, low, high (perplexity), oracle (the
    retrained model's). A panel a set."""
    sets = list(frame["set"].unique())
    made, axes = common.figure(style, 3.0, 1, len(sets))
    for place, set_ in zip(axes[0], sets, strict=True):
        part = frame[frame["set"] == set_]
        place.axhline(
            part["oracle"].iloc[0],
            color=common.GREY,
            linewidth=0.9,
            linestyle=(0, (4, 2)),
            zorder=1,
        )
        for method, points in part.groupby("method", sort=False):
            common.draw_way(place, points, method, max(1, len(points) // 6))
        place.set_yscale("log")
        place.yaxis.set_major_formatter("{x:g}")
        place.yaxis.set_minor_locator(NullLocator())
        low, high = part[["low", "oracle"]].min(axis=None), part[["high", "oracle"]].max(axis=None)
        subs = next(some for most, some in TICKS.items() if high / low <= most)
        place.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        # a factor of 2 at least, so that there is something on the axis
        place.set_ylim(low / 1.15, max(high * 1.15, low * 2))
        place.set_title(TITLES[set_])
        place.margins(x=0.02)
    made.supxlabel("Updates", fontsize=8)
    made.supylabel("Perplexity (log scale)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    handles.append(common.dashed_handle("oracle (retrained)"))
    common.legend(made, handles, columns=3)
    return made
