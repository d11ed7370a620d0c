"""Methods by metrics: how far each number is from the oracle's, in units of how far the farthest
is."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.cells import number
from palimpsest.methods.shown import method_of
from palimpsest.plots import style as common

select = selections.profile


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, set, metric, value, distance ([-1, 1]; 0 is the oracle's). A row a method."""
    methods = list(frame["method"].unique())
    numbers = list(frame[["set", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    made, axes = common.figure(style, 2.0 + 0.3 * len(methods), 1, 1)
    place = axes[0, 0]
    colours, scale = (
        LinearSegmentedColormap.from_list("distance", [common.BLUE, "white", common.RED]),
        Normalize(-1, 1),
    )
    for cell in frame.itertuples():
        x, y = numbers.index((cell.set, cell.metric)), methods.index(cell.method)
        shade = colours(scale(cell.distance))
        place.add_patch(common.tile(x, y, shade))
        dark = sum(shade[:3]) < 1.5
        place.text(
            x,
            y,
            short(cell.value),
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if dark else common.BLACK,
        )
    place.set_xlim(-0.5, len(numbers) - 0.5)
    place.set_ylim(len(methods) - 0.5, -0.5)
    labels = [f"{set_}: {common.words(metric)}" for set_, metric in numbers]
    place.set_xticks(range(len(numbers)), labels, rotation=90, fontsize=6.5)
    place.set_yticks(range(len(methods)), [method_of(name).label for name in methods])
    place.grid(visible=False)
    place.tick_params(length=0)
    place.set_title("White: as the oracle; red: above it; blue: below")
    return made


def short(value: float) -> str:
    """As many digits as a tile has room for: 0.123, 1.23, 12.3, 123, 1.2k, 12k, 123k, 1.2M; and
    1e15, ∞."""
    if not math.isfinite(value):
        return number(value)
    size = abs(float(f"{value:.3g}"))  # as it is read: 999.6 is 1000, which needs another unit
    if size >= 1e15:
        return f"{value:.0e}".replace("+", "")
    for least, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= least:
            return f"{value / least:.{int(abs(value) < 9.95 * least)}f}{letter}"
    return f"{value:.{3 - len(str(int(size))) + (size < 1)}f}"
