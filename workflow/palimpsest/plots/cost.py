"""Tokens trained to serve a request, as a share of training everything again, beside the share that was to be expected."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from palimpsest.plots import style as common

WIDE = 3  # panels a row
BAR = {"facecolor": "#c3dff2", "edgecolor": common.BLUE, "linewidth": 0.7}


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: request, owners, shards, seed ('all' is the mean), share, expected. A panel a request."""
    requests, shardings = list(frame["request"].unique()), list(frame["shards"].unique())
    columns = min(len(requests), WIDE)
    rows = -(-len(requests) // columns)
    made, axes = common.figure(style, 0.75 + rows * (0.55 + 0.3 * len(shardings)), rows, columns, sharex=True, sharey=True)
    for place, request in zip(axes.flat, requests, strict=False):
        part = frame[frame["request"] == request]
        owners = int(part["owners"].iloc[0])
        panel(place, part, shardings)
        place.set_title(f"Request {request}: {owners} {'owner' if owners == 1 else 'owners'}")
        common.percent(place.xaxis)
    for place in axes.flat[len(requests) :]:
        place.set_axis_off()
    axes[0, 0].set_yticks(range(len(shardings)), [common.shard_words(name) for name in shardings])
    axes[0, 0].set_ylim(len(shardings) - 0.4, -0.6)
    axes[0, 0].set_xlim(left=0)
    made.supxlabel("Tokens trained for the request (% of a full retraining)", fontsize=8)
    common.legend(made, handles(frame), columns=4)
    return made


def panel(place, frame: pd.DataFrame, shardings: list[str]) -> None:
    mean, seeds = frame[frame["seed"].astype(str) == "all"], frame[frame["seed"].astype(str) != "all"]
    lines = mean["shards"].map(shardings.index).to_numpy()
    place.barh(lines, mean["share"], height=0.6, **BAR, zorder=2)
    place.vlines(mean["expected"], lines - 0.38, lines + 0.38, color=common.RED, linewidth=2, zorder=3)
    if seeds["seed"].nunique() > 1:
        dots = seeds["shards"].map(shardings.index) + spread(seeds)
        place.plot(seeds["share"], dots, linestyle="", marker="o", markersize=2.8, color=common.BLACK, zorder=4)
    place.axvline(1, color=common.GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    place.grid(axis="y", visible=False)
    place.tick_params(axis="y", length=0)


def spread(seeds: pd.DataFrame) -> np.ndarray:
    """A little up or down for each seed, so that equal shares are both seen."""
    names = sorted(seeds["seed"].astype(str).unique())
    return np.linspace(-0.15, 0.15, len(names))[seeds["seed"].astype(str).map(names.index)]


def handles(frame: pd.DataFrame) -> list:
    seeds = [
        Patch(**BAR, label="trained, mean of seeds"),
        Line2D([], [], linestyle="", marker="o", markersize=2.8, color=common.BLACK, label="one seed"),
    ]
    return [
        *(seeds if frame["seed"].nunique() > 2 else [Patch(**BAR, label="trained")]),
        Line2D([], [], linestyle="", marker="|", markersize=11, markeredgewidth=2, color=common.RED, label="expected"),
        Line2D([], [], color=common.GREY, linewidth=0.9, linestyle=(0, (4, 2)), label="full retraining"),
    ]
