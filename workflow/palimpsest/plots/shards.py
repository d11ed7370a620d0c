"""Accuracy and equalized-odds gap over the number of shards: does SISA make a model less fair?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest import selections
from palimpsest.data.shards import parse_sharding
from palimpsest.methods.shown import method_of
from palimpsest.plots import style as common

select = selections.shards
# what has the same number of shards stands side by side within this, so far apart at most
NUDGE, STEP = 0.28, 0.14
REFERENCE = {"base": (0, (1, 1)), "oracle": (0, (6, 2))}


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: family ('' for accuracy), method, shards, value, ci_low, ci_high. A panel for accuracy
    and one for each family."""
    S, R = zip(*map(parse_sharding, frame["shards"]), strict=True)
    frame = frame.assign(S=S, R=R)
    families, counts = list(frame["family"].unique()), sorted(set(S))
    made, axes = common.panels(style, len(families), 0.8, 2.3, share=False)
    lines = list(frame[["method", "R"]].drop_duplicates().itertuples(index=False, name=None))
    for number, (place, family) in enumerate(zip(axes, families, strict=True)):
        panel(place, frame[frame["family"] == family], lines, counts)
        title = "Equalized-odds gap" if len(families) <= 2 else f"Gap, {common.words(family)}"
        place.set_title(title if family else "Accuracy")
        if number % common.WIDE == 0 or number == 1:
            place.set_ylabel(
                "Gap (percentage points)" if family else "Accuracy (% of test records)"
            )
        if number + common.WIDE >= len(families):
            place.set_xlabel("Number of shards")
        if family:
            common.from_zero(place, "y")
        common.percent(place.yaxis)
    common.legend(made, [handle(method, r, lines) for method, r in lines], columns=3)
    return made


def dash(method: str, r: int, lines: list[tuple[str, int]]):
    """A reference has its own; an ensemble's tells its number of slices."""
    slices = sorted({slices for method, slices in lines if method not in REFERENCE})
    return REFERENCE.get(method) or common.DASHES[slices.index(r) % len(common.DASHES)]


def panel(place, frame: pd.DataFrame, lines: list[tuple[str, int]], counts: list[int]) -> None:
    nudges = side_by_side(frame, lines)
    for method, r in lines:
        points = frame[(frame["method"] == method) & (frame["R"] == r)].sort_values("S")
        way, pattern = common.look(method), dash(method, r, lines)
        place.errorbar(
            points["S"].map(counts.index) + nudges[points.index],
            points["value"],
            yerr=common.whiskers(points),
            label=f"{method} {r}",
            color=way.colour,
            marker=way.marker,
            markerfacecolor=way.face,
            linestyle=pattern,
            elinewidth=0.8,
        )
        if method in REFERENCE and len(points):
            place.axhline(
                points["value"].iloc[0],
                color=way.colour,
                linewidth=0.8,
                linestyle=pattern,
                zorder=1,
            )
    place.set_xticks(range(len(counts)), [str(count) for count in counts])
    place.set_xlim(-0.5, len(counts) - 0.5)
    place.grid(axis="x", visible=False)


def side_by_side(frame: pd.DataFrame, lines: list[tuple[str, int]]) -> pd.Series:
    """How far each row stands from its tick: those of the same number of shards spread evenly
    around it, in the order of the lines."""
    place = pd.Series(
        [lines.index(line) for line in zip(frame["method"], frame["R"], strict=True)],
        index=frame.index,
    )
    order, count = place.groupby(frame["S"]).rank() - 1, place.groupby(frame["S"]).transform("size")
    return (order - (count - 1) / 2) * np.minimum(2 * NUDGE / (count - 1).clip(lower=1), STEP)


def handle(method: str, r: int, lines: list[tuple[str, int]]) -> Line2D:
    way, text = common.look(method), method_of(method).label
    if method not in REFERENCE:
        text += f", {r} {'slice' if r == 1 else 'slices'}"
    width = 0.8 if method in REFERENCE else None
    return Line2D(
        [],
        [],
        color=way.colour,
        marker=way.marker,
        markerfacecolor=way.face,
        linewidth=width,
        linestyle=dash(method, r, lines),
        label=text,
    )
