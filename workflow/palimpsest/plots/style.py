"""What all figures have in common: colours that the colour-blind tell apart, markers that tell the
same in grey, sizes, words.

Figures are made without pyplot, so that nothing is shared between them, and saved without dates:
equal data give equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from palimpsest.data.shards import parse_sharding
from palimpsest.files import replacing
from palimpsest.methods.shown import all_methods, in_method_order, method_of
from palimpsest.randomness import seed_of

# Okabe and Ito (2008), without their yellow, which is too light to print
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY, VIOLET, BROWN = "#767676", "#5E3C99", "#7F4F24"
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
FURTHER = ("p", "h", "d", (4, 1, 0), (6, 1, 0), "8", (3, 1, 0), "H", (8, 1, 0))
WIDE = 3  # panels a row
# what has the same tick stands side by side within this, so far apart at most
NUDGE, STEP = 0.6, 0.08
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))

RC = {
    "backend": "Agg",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dcdcdc",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 5,
    "errorbar.capsize": 0,
    "figure.facecolor": "white",
    "text.parse_math": False,  # a '$' in the name of a group is a '$'
    "svg.hashsalt": "palimpsest",
    "svg.fonttype": "path",  # looks the same where the font is missing
    "pdf.fonttype": 42,
}
NO_DATES = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@dataclass(frozen=True)
class Look:
    """How a method is drawn everywhere. Filled: post-processed; hollow: as the models decide."""

    colour: str
    marker: str | tuple[int, int, int]
    filled: bool

    @property
    def face(self) -> str:
        return self.colour if self.filled else "white"

    @property
    def size(self) -> float:
        """Hollow markers are larger, so that one is seen around a filled one."""
        return 5.0 if self.filled else 6.0


KNOWN = {
    "base": Look(BLACK, "s", False),
    "oracle": Look(GREY, "D", False),
    "sisa_vote": Look(BLUE, "o", False),
    "sisa_mean": Look(PURPLE, "v", False),
    "base_postprocessed": Look(BLACK, "s", True),
    "fairsisa_aggregate_first": Look(ORANGE, "^", True),
    "fairsisa_postprocess_first": Look(GREEN, "P", True),
    "fairsisa_ensemble": Look(RED, "o", True),
    "gradient_ascent": Look(RED, "^", False),
    "gradient_difference": Look(ORANGE, "<", False),
    "npo": Look(GREEN, "P", False),
    "loo_ensemble": Look(SKY, "X", False),
    "kga": Look(VIOLET, ">", False),
    "sham": Look(BROWN, "*", False),
}


def look(name: str) -> Look:
    """The look of a method; those that have none of their own share out what is left, in their
    order in the study.

    A variant has the colour of its method, a marker by its own name, and is filled.
    """
    method, _, variant = name.partition("-")
    if variant:
        return Look(look(method).colour, MARKERS[seed_of(variant) % len(MARKERS)], True)
    if method in KNOWN:
        return KNOWN[method]
    others = [one for one in in_method_order(all_methods()) if one not in KNOWN and "-" not in one]
    place = others.index(method)
    colour, marker = COLOURS[place % len(COLOURS)], FURTHER[place % len(FURTHER)]
    return Look(colour, marker, method_of(method).fitted)


def draw_way(place, points, method: str, every: int = 1) -> None:
    """A method's line over updates, with the band that the seeds span (points: update, value, low,
    high)."""
    way = look(method)
    place.fill_between(
        points["update"],
        points["low"],
        points["high"],
        color=way.colour,
        alpha=0.15,
        linewidth=0,
    )
    place.plot(
        points["update"],
        points["value"],
        color=way.colour,
        linewidth=1.1,
        marker=way.marker,
        markersize=way.size * 0.7,
        markerfacecolor=way.face,
        markevery=every,
    )


def figure(
    style: dict, height: float, rows: int, columns: int, **shared
) -> tuple[Figure, np.ndarray]:
    """A figure as wide as the study asks, ``height`` inches high at 7 inches of width, and its
    (rows, columns) axes."""
    width = style.get("width", 7.0)
    made = Figure(
        figsize=(width, height * width / 7), dpi=style.get("dpi", 150), layout="constrained"
    )
    made.get_layout_engine().set(w_pad=0.06, h_pad=0.06, hspace=0.02, wspace=0.02)
    return made, made.subplots(rows, columns, squeeze=False, **shared)


def panels(
    style: dict, count: int, around: float, each: float, share: bool = True
) -> tuple[Figure, np.ndarray]:
    """A figure of ``count`` panels in rows of WIDE, which may ``share`` their axes, and these
    panels, (count,). At 7 inches of width a row is ``each`` inches high, and what stands around all
    of them ``around``."""
    columns = min(count, WIDE)
    rows = -(-count // columns)
    made, axes = figure(style, around + rows * each, rows, columns, sharex=share, sharey=share)
    for place in axes.flat[count:]:
        place.set_axis_off()
    for place in axes.flat[count - columns : count]:  # nothing stands below them
        place.tick_params(labelbottom=True)
    return made, axes.flat[:count]


def nudge(number: int, count: int) -> float:
    """How far the ``number``-th of ``count`` that stand side by side is from their tick, where
    ticks are 1 apart."""
    return (number - (count - 1) / 2) * min(STEP, NUDGE / count)


def turn_ticks(made: Figure) -> None:
    """Set the labels of the x axes upright, and the figure higher by their length, where they would
    print over each other."""
    made.draw_without_rendering()
    boxes = [
        [label.get_window_extent().padded(2) for label in axes.get_xticklabels()]
        for axes in made.axes
    ]
    if any(one.overlaps(other) for row in boxes for one, other in pairwise(row)):
        for axes in made.axes:
            axes.tick_params(axis="x", labelrotation=90)
        made.set_figheight(
            made.get_figheight() + max(box.width for row in boxes for box in row) / made.dpi
        )


def tile(x: float, y: float, colour) -> Rectangle:
    """A cell of a table of colours."""
    return Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1)


def empty(style: dict, text: str = "Nothing to show in this study") -> Figure:
    made, axes = figure(style, 1.2, 1, 1)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, text, ha="center", va="center", color=GREY)
    return made


def save(made: Figure, path: Path) -> None:
    """Write whole or not at all; the format is the suffix."""
    suffix = Path(path).suffix.lstrip(".")
    with replacing(path) as beside:
        made.savefig(beside, format=suffix, metadata=NO_DATES[suffix])


def legend(made: Figure, handles: list, columns: int, title: str | None = None) -> None:
    """Above all axes, where it hides nothing."""
    made.legend(
        handles=handles,
        loc="outside upper center",
        ncols=columns,
        title=title,
        handletextpad=0.5,
        columnspacing=1.6,
    )


def method_handle(method: str, label: str | None = None) -> Line2D:
    way = look(method)
    text = label or method_of(method).label
    return Line2D(
        [],
        [],
        linestyle="",
        marker=way.marker,
        color=way.colour,
        markerfacecolor=way.face,
        markersize=way.size,
        label=text,
    )


def dashed_handle(label: str) -> Line2D:
    """Of the dashed grey line that is the measure of a panel."""
    return Line2D([], [], color=GREY, linewidth=0.9, linestyle=(0, (4, 2)), label=label)


def percent(axis, most: int = 5) -> None:
    """Tick labels of shares in percent, the unit of the axis label; the data stay shares."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}"))
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))


def from_zero(axes, axis: str) -> None:
    """Start an axis of gaps at zero, with room for a marker that stands there."""
    high = getattr(axes, f"get_{axis}lim")()[1]
    getattr(axes, f"set_{axis}lim")(-0.04 * high, high)


def whiskers(frame, name: str = "value", low: str = "ci_low", high: str = "ci_high") -> np.ndarray:
    """(2, n) lengths of an interval below and above its value; 0 where there is none."""
    ends = np.array([frame[name] - frame[low], frame[high] - frame[name]], dtype=float)
    return np.clip(np.nan_to_num(ends), 0, None)


def words(name: str) -> str:
    """The name of a family of groups in words."""
    return name.replace("_", " ")


def panel_title(family: str, sharding: str, families: int) -> str:
    """What a panel shows; the family goes without saying where there is but one."""
    return shard_words(sharding) if families == 1 else f"{words(family)}, {shard_words(sharding)}"


def shard_words(sharding: str) -> str:
    """'3x2' -> '3 shards × 2 slices'."""
    shards, slices = parse_sharding(sharding)
    if shards == slices == 1:
        return "single model"
    several = "1 shard" if shards == 1 else f"{shards} shards"
    return several if slices == 1 else f"{several} × {slices} slices"


def styled():
    """The context to draw and save in."""
    return matplotlib.rc_context(RC)
