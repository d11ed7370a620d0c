"""The trials of each method: what they leave of the forgotten, and what they cost of the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from palimpsest.metrics.tuning import matched
from palimpsest.plots import style as common
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order

RING = 11.0  # points, around a chosen trial
LEAST = 1e-4  # nats: on a logarithmic axis a divergence of 0 has no place
SIDES = {
    "lost": "Utility lost (share of the base's)",
    "divergence": "KL to the base on retained text (nats a token)",
}


def select(metrics: pd.DataFrame, trials: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """The trials of the newest request that could be chosen; others ruined the model."""
    shown = trials[trials["value"].notna()]
    shown = shown.assign(seeds=1, divergence=shown["divergence"].astype(float).clip(lower=LEAST))
    return in_order(shown, method=in_method_order(shown["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, trial, chosen, value (of how far the base is from the target of the rule, the
    oracle or a number, the share that is left), lost, divergence (NaN where the track has none),
    tokens, settings, n, seeds. One panel for each side of utility."""
    sides = {side: words for side, words in SIDES.items() if frame[side].notna().any()}
    made, axes = common.figure(style, 3.4, 1, len(sides), sharey=True)
    for place, (side, words) in zip(axes[0], sides.items(), strict=True):
        common.reference(place, y=0)
        for method, points in frame.groupby("method", sort=False):
            way = common.look(method)
            if side == "divergence":
                place.plot(*along(points), color=way.colour, linewidth=0.9, zorder=2)
            common.mark(place, method, points[side], points["value"])
            best = points[points["chosen"]]
            place.plot(best[side], best["value"], **ring(way.colour))
        place.set_xlabel(words)
        place.margins(0.08)
    axes[0, 0].set_title("Chosen by")
    for place in axes[0, 1:]:
        place.set_title("At equal divergence")
        place.set_xscale("log")
        place.xaxis.set_major_locator(LogLocator(numticks=6))
        place.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        place.xaxis.set_minor_formatter(NullFormatter())
    made.supylabel("Left of the forgotten (0 is the target, 1 the base)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    handles.append(Line2D([], [], label="chosen", **ring(common.GREY)))
    handles.append(common.dashed_handle("the target"))
    common.legend(made, handles, columns=4)
    return made


def along(points: pd.DataFrame) -> tuple[np.ndarray, list[float]]:
    """What is left at the divergences between the trials of a method, as tables have it."""
    pairs = list(zip(points["divergence"], points["value"], strict=True))
    at = np.unique(
        [*np.geomspace(*np.sort(points["divergence"])[[0, -1]], 40), *points["divergence"]]
    )
    inside = at[(at >= points["divergence"].min()) & (at <= points["divergence"].max())]
    return inside, [matched(pairs, one) for one in inside]


def ring(colour: str) -> dict:
    """How the chosen trial is drawn, around its marker."""
    return {
        "marker": "o", "markersize": RING, "markerfacecolor": "none", "color": colour,
        "linestyle": "none", "markeredgewidth": 1.0, "zorder": 4,
    }  # fmt: skip


def told(frame: pd.DataFrame) -> str:
    counts = {"forgotten records, which no other number counts": frame["n"]}
    words = "no intervals, another seed may order trials otherwise"
    return common.told(frame, counts, (words, words))
