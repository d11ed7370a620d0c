"""TPR and FPR of each group before and after post-processing: equalized odds brings the markers of
a line together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from palimpsest.plots import style as common
from palimpsest.plots.choice import MOST_FAMILIES, MOST_GROUPS, ensembles, over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, method_of, of_teachers, post_processors

BEFORE = ("base", "oracle", "sisa_vote")  # what post-processing starts from, and the goal
RATES = {
    "tpr": ("True positive rate", "% of the group's positive records\nthat are decided positive"),
    "fpr": ("False positive rate", "% of the group's negative records\nthat are decided positive"),
}
# share of a method's line that its groups take, and largest distance between two of them
BAND, STEP = 0.62, 0.36
GAP = Patch(facecolor="#dfdfdf", label="gap between groups")


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """TPR and FPR of each group on test, before and after post-processing: the base, and the
    ensemble of most shards."""
    now = newest(over_seeds(metrics), settings)
    families = settings["families"][:MOST_FAMILIES]
    now = now[(now["set"] == "test") & now["metric"].isin(["tpr", "fpr"])]
    shown = in_method_order([*BEFORE, *post_processors()])
    now = now[now["method"].isin(shown)]
    now = now[~now["method"].isin(of_teachers()) | now["shards"].isin(ensembles(now, None)[-1:])]
    halves = now["group"].str.split("=", n=1)
    now = now.assign(family=halves.str[0], group=halves.str[1])[
        [
            "family",
            "group",
            "method",
            "shards",
            "metric",
            "value",
            "ci_low",
            "ci_high",
            "n",
            "seeds",
        ]
    ]
    sizes = now.groupby(["family", "group"])["n"].max()
    largest = sizes.groupby(level="family", group_keys=False).nlargest(MOST_GROUPS).index
    now = now[pd.MultiIndex.from_frame(now[["family", "group"]]).isin(largest)]
    return in_order(
        now,
        family=families,
        metric=["tpr", "fpr"],
        method=shown,
        group=sorted(now["group"].unique()),
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: family, group, method, shards, metric (tpr, fpr), value, ci_low, ci_high, n, seeds.
    One row per family, one column per rate."""
    families = list(frame["family"].unique())
    parts = [frame[frame["family"] == family] for family in families]
    heights = [
        part["method"].nunique() * (0.08 + 0.08 * part["group"].nunique()) + 0.45 for part in parts
    ]
    made, axes = common.figure(
        style, sum(heights) + 0.9, len(families), 2, sharey="row", height_ratios=heights
    )
    for row, family, part in zip(axes, families, parts, strict=True):
        for place, (metric, (title, _)) in zip(row, RATES.items(), strict=True):
            panel(place, part[part["metric"] == metric])
            words = title if len(families) == 1 else f"{title}, {common.words(family)}"
            common.title(place, words, made.get_figwidth() / 3 - 0.2)
            common.percent(place.xaxis)
        names = part["group"].unique()
        handles = [
            marks(marker, colour, common.wrapped(name, 1.1, 7.5, 2))
            for name, (marker, colour) in zip(names, looks(len(names)), strict=True)
        ]
        row[1].legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(1, 1),
            title="Group",
            alignment="left",
            handletextpad=0.3,
        )
    for place, (_, text) in zip(axes[-1], RATES.values(), strict=True):
        place.set_xlabel(text)
    shardings = frame.loc[frame["method"].isin(of_teachers()), "shards"].unique()
    title = f"Ensembles of {common.shard_words(shardings[0])}" if len(shardings) else None
    common.legend(
        made,
        [
            marks("o", common.GREY, "before post-processing", "white"),
            marks("o", common.GREY, "after"),
            GAP,
        ],
        3,
        title,
    )
    return made


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"test records of a group and label": frame["n"]})


def marks(marker: str, colour: str, label: str, face: str | None = None) -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="",
        marker=marker,
        color=colour,
        markerfacecolor=face or colour,
        label=label,
    )


def looks(count: int) -> list[tuple[str, str]]:
    """(marker, colour) of each group."""
    return [
        (common.MARKERS[n % len(common.MARKERS)], common.COLOURS[n % len(common.COLOURS)])
        for n in range(count)
    ]


def panel(place, frame: pd.DataFrame) -> None:
    methods, names = list(frame["method"].unique()), list(frame["group"].unique())
    offsets = (np.arange(len(names)) - (len(names) - 1) / 2) * min(
        BAND / max(len(names) - 1, 1), STEP
    )
    place.use_sticky_edges = False
    for line, method in enumerate(methods):
        values = frame.loc[frame["method"] == method, "value"]
        place.barh(
            line,
            np.ptp(values),
            left=values.min(),
            height=0.84,
            color=GAP.get_facecolor(),
            linewidth=0,
            zorder=1,
        )
    for name, offset, (marker, colour) in zip(names, offsets, looks(len(names)), strict=True):
        for fitted in (False, True):
            points = frame[
                (frame["group"] == name)
                & (frame["method"].map(lambda m: method_of(m).fitted) == fitted)
            ]
            place.errorbar(
                points["value"],
                common.positions(points["method"], methods) + offset,
                xerr=common.whiskers(points),
                label=name,
                fmt=marker,
                color=colour,
                markerfacecolor=colour if fitted else "white",
                markersize=4,
                elinewidth=0.8,
                zorder=3,
            )
    place.set_yticks(range(len(methods)), [method_of(method).label for method in methods])
    place.set_ylim(len(methods) - 0.45, -0.55)
    place.grid(axis="y", visible=False)
    place.tick_params(axis="y", length=0)
