"""Bias against language modelling along the share of blocks that PCGU may update."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from palimpsest.plots import style as common
from palimpsest.plots.bias import DOTTED, LMS, NEUTRAL, SS, TITLES, neutral_handle, rates, scores
from palimpsest.report.rows import in_order

BASE, WHOLE = "base", "whole"
# how each line is drawn, and the two models that lie on none
LINES = {
    "rows": ("rows are blocks (input aggregation)", common.BLUE, "o"),
    "columns": ("columns are blocks (output aggregation)", common.RED, "s"),
    WHOLE: ("all blocks: no partition", common.BLACK, "*"),
    BASE: ("base", common.BLACK, "s"),
}
SIZES = {WHOLE: 9.0}  # points, where a marker is not as large as others
SMALL = 6.5  # points, of what stands beside a point
# where that may stand: directions, and distances in points
ANGLES, AWAY = np.radians([45, 135, 315, 225, 0, 180, 90, 270]), (8, 14, 22, 32)


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """SS and LMS of the base and of the study's `partitions`: variants with their `share` of blocks
    or their number `k`, and their learning rate, NaN where trials chose it."""
    found = scores(metrics, settings, (SS, LMS))
    sides = []
    for metric, name in ((LMS, "lms"), (SS, "ss")):
        names = {"value": name, "ci_low": f"{name}_low", "ci_high": f"{name}_high"}
        side = found[found["metric"] == metric].drop(columns="metric")
        keep = [] if sides else ["n", "seeds"]
        sides.append(side.rename(columns=names)[["method", *names.values(), *keep]])
    joined = sides[0].merge(sides[1], on="method")
    known = settings.get("partitions", {}) if len(joined) else {}
    told = {
        name: (
            WHOLE if one["whole"] else one["blocks"],
            "share" if one["k"] is None else "k",
            one["share"] if one["k"] is None else one["k"],
            one["learning_rate"],
        )
        for name, one in known.items()
    }
    told[BASE] = (BASE, "share", 0, 0)
    joined = joined[joined["method"].isin(told)]
    columns = pd.DataFrame(
        [told[name] for name in joined["method"]],
        columns=["line", "by", "amount", "rate"],
        index=joined.index,
    )
    joined = joined.join(columns.assign(rate=columns["rate"].astype(float)))
    order = sorted(joined["amount"].unique())
    return in_order(joined, line=LINES, amount=order, method=sorted(joined["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, lms and ss each with _low and _high, n, seeds, line (of LINES), by (share or
    k), amount, rate. One line per way to part a matrix, which ends in the run without a
    partition where that is of the same rate."""
    made, axes = common.figure(style, 4.2, 1, 1)
    place = axes[0, 0]
    place.axhline(NEUTRAL, **DOTTED)
    base, whole = frame[frame["line"] == BASE], frame[frame["line"] == WHOLE]
    for mark in base.itertuples():
        common.reference(place, mark.lms, mark.ss)
    for line, (label, colour, marker) in LINES.items():
        points = frame[frame["line"] == line]
        if points.empty:
            continue
        if line not in (BASE, WHOLE):
            alike = whole[whole["rate"].isin(points["rate"].dropna())]  # by another, another way
            way = pd.concat([base, points, alike])
            place.plot(way["lms"], way["ss"], color=colour, linewidth=0.9, alpha=0.6, zorder=2)
        place.errorbar(
            points["lms"],
            points["ss"],
            xerr=common.whiskers(points, "lms", "lms_low", "lms_high"),
            yerr=common.whiskers(points, "ss", "ss_low", "ss_high"),
            marker=marker,
            linestyle="none",
            color=colour,
            markerfacecolor="white" if line == BASE else colour,
            markersize=SIZES.get(line, 5.0),
            elinewidth=0.5,
            label=label,
            zorder=3,
        )
    place.margins(0.06)
    place.set_xlabel(TITLES[LMS])
    place.set_ylabel(TITLES[SS])
    parted = frame.loc[~frame["line"].isin([BASE, WHOLE]), "by"]
    place.set_title(f"Beside each point: {WORDS[next(iter(parted), 'share')]}")
    handles = [
        Line2D(
            [], [], linestyle="" if line in (BASE, WHOLE) else "-", color=colour, marker=marker,
            markerfacecolor="white" if line == BASE else colour,
            markersize=SIZES.get(line, 5.0), linewidth=0.9, label=label,
        )
        for line, (label, colour, marker) in LINES.items()
        if line in set(frame["line"])
    ]  # fmt: skip
    handles += [neutral_handle(), common.dashed_handle("the base's")]
    common.legend(made, handles, columns=3)
    beside(made, place, frame)
    return made


WORDS = {"share": "the share of blocks that an update may change", "k": "blocks of an update"}


def beside(made: Figure, place, frame: pd.DataFrame) -> None:
    """Write the amount of each point beside it, where it covers neither a point nor another one,
    with a thin line to points from which it stands far."""
    made.draw_without_rendering()
    per_point = made.dpi / 72
    at = place.transData.transform(frame[["lms", "ss"]].to_numpy())
    taken = [Bbox.from_bounds(*(one - 4 * per_point), *(8 * per_point,) * 2) for one in at]
    for (x, y), one in zip(at, frame.itertuples(), strict=True):
        if one.line in (BASE, WHOLE):
            continue
        text = f"{one.amount:g}" if one.by == "share" else f"{one.amount:,.0f}"
        size = np.array([0.62 * SMALL * len(text), 1.2 * SMALL]) * per_point
        boxes = list(around(np.array([x, y]), size, per_point))
        free = [one for one in boxes if inside(one[1], place.bbox) and not hits(one[1], taken)]
        offset, box, far = (free or boxes)[0]
        taken.append(box)
        place.annotate(
            text, (one.lms, one.ss), offset, textcoords="offset points", fontsize=SMALL,
            ha="center", va="center", color=LINES[one.line][1], zorder=5,
        )  # fmt: skip
        if far:
            line = {"arrowstyle": "-", "linewidth": 0.4, "color": common.GREY, "shrinkB": 3}
            place.annotate(
                "", (one.lms, one.ss), offset, textcoords="offset points", arrowprops=line
            )


def around(point: np.ndarray, size: np.ndarray, per_point: float) -> Iterator[tuple]:
    """(offset in points, box in pixels, whether it is far) of the places beside a point, the
    nearest first."""
    for away, angle in product(AWAY, ANGLES):
        way = np.array([np.cos(angle), np.sin(angle)])
        offset = away * way + way * size / per_point / 2
        middle = point + offset * per_point
        box = Bbox.from_bounds(*(middle - size / 2), *size)
        yield tuple(offset), box, away > AWAY[0]


def inside(box: Bbox, page: Bbox) -> bool:
    return page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


def hits(box: Bbox, others: list[Bbox]) -> bool:
    return any(box.overlaps(one) for one in others)


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"target terms": frame["n"]}) + rates(frame)
