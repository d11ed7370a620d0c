"""Methods by metrics: how far each number is from the oracle's, in units of how far the base's is; full colour is twice as far."""

from __future__ import annotations

import pandas as pd
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from palimpsest import selections
from palimpsest.methods.registry import method_of
from palimpsest.metrics import METRICS
from palimpsest.plots import style as common

select = selections.profile
MOST = 2.0  # where the colours end: twice as far away as the base, on either side


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, set, metric, value, distance ((value - oracle) / |base - oracle|: 0 is the oracle's). A row a method."""
    methods = list(frame["method"].unique())
    numbers = list(frame[["set", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    made, axes = common.figure(style, 2.0 + 0.3 * len(methods), 1, 1)
    place = axes[0, 0]
    colours, scale = LinearSegmentedColormap.from_list("distance", [common.BLUE, "white", common.RED]), Normalize(-MOST, MOST)
    for cell in frame.itertuples():
        x, y = numbers.index((cell.set, cell.metric)), methods.index(cell.method)
        shade = colours(scale(min(max(cell.distance, -MOST), MOST)))
        place.add_patch(common.tile(x, y, shade))
        dark = sum(shade[:3]) < 1.5
        digits = 3 if abs(cell.value) >= 0.1 else 2  # as many as a tile has room for
        place.text(x, y, f"{cell.value:.{digits}g}", ha="center", va="center", fontsize=6.5, color="white" if dark else common.BLACK)
    place.set_xlim(-0.5, len(numbers) - 0.5)
    place.set_ylim(len(methods) - 0.5, -0.5)
    labels = [f"{set_}: {METRICS[metric].name.replace('_', ' ')}" for set_, metric in numbers]
    place.set_xticks(range(len(numbers)), labels, rotation=90, fontsize=6.5)
    place.set_yticks(range(len(methods)), [method_of(name).label for name in methods])
    place.grid(visible=False)
    place.tick_params(length=0)
    place.set_title("White: as the oracle; red: above it; blue: below")
    return made
