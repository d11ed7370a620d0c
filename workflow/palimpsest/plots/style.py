"""What all figures have in common: colours that the colour-blind can distinguish, markers that say
the same in grey, sizes, words.

Figures are made without pyplot, so that nothing is shared between them, and saved without dates:
equal data give equal bytes.
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from palimpsest.data.shards import parse_sharding
from palimpsest.files import replacing
from palimpsest.randomness import seed_of
from palimpsest.report.shown import all_methods, in_method_order, method_of

# Okabe and Ito (2008), without their yellow, which is too light to print
BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
RED = "#D55E00"
PURPLE = "#CC79A7"
GREY, VIOLET, BROWN = "#767676", "#5E3C99", "#7F4F24"
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
FURTHER = (
    "p", "h", "d", (4, 1, 0), (6, 1, 0), "8", (3, 1, 0), "H", (8, 1, 0),
    "+", "x", "1", "2", "3", "4", (3, 1, 180), (4, 1, 45), (10, 1, 0), (5, 0, 180),
    (7, 1, 0), (5, 2, 0), (6, 2, 0), (8, 2, 0),
)  # fmt: skip
WIDE = 3  # panels a row
# width that points at the same tick share, and largest distance between them
NUDGE, STEP = 0.6, 0.08
SMALL = 6.5  # points, of the note below a figure
LEGEND_ROW = 0.165  # inches
# What intervals hold, with one seed and with several.
BARS = (
    "bars are intervals over records alone, and another training may lie outside them",
    "bars are intervals over records and over seeds",
)
BANDS = ("no interval", "bands reach from the least to the most of them")

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


LOOKS = {
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
    """The look of a method; those without one in LOOKS share the colours and markers that are left,
    in their order in the study.

    A variant has the colour of its method, a marker by its own name, and is filled.
    """
    method, _, variant = name.partition("-")
    if variant:
        return Look(look(method).colour, MARKERS[seed_of(variant) % len(MARKERS)], True)
    if method in LOOKS:
        return LOOKS[method]
    others = [one for one in in_method_order(all_methods()) if one not in LOOKS and "-" not in one]
    place = others.index(method)
    colour, marker = COLOURS[place % len(COLOURS)], FURTHER[place % len(FURTHER)]
    return Look(colour, marker, method_of(method).fitted)


def mark(place, method: str, x, y, line="none", **further) -> None:
    """Points of a method with their intervals, ``xerr`` and ``yerr`` as whiskers() has them."""
    way = look(method)
    settings = {"label": method, "linewidth": 0.9, "elinewidth": 0.7, "zorder": 3} | further
    place.errorbar(
        x,
        y,
        marker=way.marker,
        linestyle=line,
        color=way.colour,
        markerfacecolor=way.face,
        markersize=way.size,
        **settings,
    )


def reference(place, x: float | None = None, y: float | None = None) -> None:
    """The dashed grey line that a panel is compared with; dashed_handle() names it."""
    for at, line in ((x, place.axvline), (y, place.axhline)):
        if at is not None:
            line(at, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)


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
    """A figure as wide as the study asks, and its (rows, columns) axes. Up to 7 inches of width it
    is ``height`` inches high, for its letters do not shrink; a wider one is higher, too."""
    width = style.get("width", 7.0)
    size = (width, height * max(width / 7, 1))
    made = Figure(figsize=size, dpi=style.get("dpi", 150), layout="constrained")
    made.get_layout_engine().set(w_pad=0.06, h_pad=0.06, hspace=0.02, wspace=0.02)
    return made, made.subplots(rows, columns, squeeze=False, **shared)


def panels(
    style: dict, count: int, around: float, each: float, share: bool = True
) -> tuple[Figure, np.ndarray]:
    """A figure of ``count`` panels in rows of WIDE, which may ``share`` their axes, and these
    panels, (count,). Up to 7 inches of width a row is ``each`` inches high, and what stands around
    all of them ``around``."""
    columns = min(count, WIDE)
    rows = -(-count // columns)
    made, axes = figure(style, around + rows * each, rows, columns, sharex=share, sharey=share)
    for place in axes.flat[count:]:
        place.set_axis_off()
    for place in axes.flat[count - columns : count]:  # nothing stands below them
        place.tick_params(labelbottom=True)
    return made, axes.flat[:count]


def nudge(number: int, count: int) -> float:
    """How far the ``number``-th of ``count`` points at the same tick is moved from it, where ticks
    are 1 apart."""
    return (number - (count - 1) / 2) * min(STEP, NUDGE / count)


def positions(values: pd.Series, names: list) -> pd.Series:
    """The place of each value among names: numbers, also where there are no values, of which `map`
    would make texts again."""
    return values.map(names.index).astype(float)


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


def svg(made: Figure) -> bytes:
    """The picture as a page holds it, whatever formats are asked for."""
    picture = BytesIO()
    made.savefig(picture, format="svg", metadata=NO_DATES["svg"])
    return picture.getvalue()


def legend(made: Figure, handles: list, columns: int, title: str | None = None) -> None:
    """Above all axes, where it hides nothing, in as many columns as fit, up to ``columns``. Rows
    beyond two make the figure higher, not its panels lower."""
    for count in range(min(columns, len(handles)), 0, -1):
        shown = made.legend(
            handles=handles,
            loc="outside upper center",
            ncols=count,
            title=title,
            handletextpad=0.5,
            columnspacing=1.6,
        )
        if shown.get_window_extent().width < 0.97 * made.bbox.width:
            break
        if count > 1:
            shown.remove()
    rows = -(-len(handles) // count) + (title is not None)
    made.set_figheight(made.get_figheight() + LEGEND_ROW * max(rows - 2, 0))


def span(values: pd.Series) -> str:
    """'48', or '15 to 118'."""
    ends = dict.fromkeys([values.min(), values.max()])
    return " to ".join(f"{round(end):,}" for end in ends)


def told(frame: pd.DataFrame, counts: dict[str, pd.Series], spread: tuple[str, str] = BARS) -> str:
    """How much a figure rests on, in words: its seeds, what intervals hold with one and with
    several of them, and its n: ``counts`` has them by what is counted."""
    most = frame["seeds"].max()
    seeds = "One seed" if most == 1 else f"{span(frame['seeds'])} seeds"
    n = ", ".join(f"{span(values)} {words}" for words, values in counts.items() if len(values))
    return f"{seeds}: {spread[int(most > 1)]}. n = {n}."


def too_few(frame: pd.DataFrame, least: int) -> pd.Series:
    """Whether a row is of fewer than ``least`` records, or has no number at all."""
    values = frame["value"] if "value" in frame else frame["n"]
    return (frame["n"] < least) | values.isna()


def left_out(few: pd.DataFrame, least: int) -> str:
    """What a figure does not draw, in words: numbers of too few records."""
    names = [name for name in ("request", "group") if name in few and few[name].all()]
    which = few.groupby(names[0], sort=False)["n"].max().items() if names else ()
    words = ", ".join(f"{names[0]} {name} (n = {n})" for name, n in which)
    words = words or f"n = {span(few['n'])}"
    return f"Left out, of fewer than {least} records or undefined: {words}."


def unreadable(frame: pd.DataFrame) -> str:
    """A sentence where names hold characters that the font lacks, for which boxes are drawn."""
    texts = frame.select_dtypes(exclude=["number", "bool"]).to_numpy().ravel()
    font = get_font(findfont(RC["font.family"]))
    lacking = {letter for text in texts for letter in text if not font.get_char_index(ord(letter))}
    text = "Boxes stand for characters that the font lacks: the table of the figure has the names."
    return text if lacking else ""


def note(made: Figure, text: str) -> None:
    """Set ``text`` small below all else, once all else is there: the figure grows by it."""
    lines = wrapped(text, made.get_figwidth() - 0.2, SMALL)
    label, strip = made.get_supxlabel(), 0.07 + 0.125 * (1 + lines.count("\n"))  # inches
    height = made.get_figheight() + strip
    made.set_figheight(height)
    made.text(
        0.1 / made.get_figwidth(), 0.05 / height, lines,
        fontsize=SMALL, color=GREY, va="bottom", linespacing=1.25,
    )  # fmt: skip
    if label:  # it stands above the note, where the layout does not look for it
        made.supxlabel(label, y=strip / height, fontsize=8)
        strip += 0.17
    made.get_layout_engine().set(rect=(0, strip / height, 1, 1 - strip / height))


def wrapped(text: str, inches: float, size: float, most: int = 9) -> str:
    """A text of ``size`` points in lines that are no longer than that, ``most`` of them."""
    lines = textwrap.wrap(text, max(int(inches * 72 / (0.58 * size)), 8))
    return "\n".join(lines[:most]) + "…" * (len(lines) > most)


def title(place, text: str, inches: float) -> None:
    """The title of a panel that is so wide, in as many lines as it takes, up to three."""
    place.set_title(wrapped(text, inches, 10, 3))


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
    """Of the dashed grey line that is the reference of a panel."""
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


def shard_words(sharding: str) -> str:
    """'3x2' -> '3 shards × 2 slices'."""
    shards, slices = parse_sharding(sharding)
    if shards == slices == 1:
        return "single model"
    several = "1 shard" if shards == 1 else f"{shards} shards"
    return several if slices == 1 else f"{several} × {slices} slices"


@contextmanager
def styled():
    """The context to draw and save in: matplotlib's defaults and RC, whatever a matplotlibrc of the
    user's says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield
