"""The price of fairness: mean cost of errors of each FairSISA rule over the gap that it is allowed,
fitted and held out."""

from __future__ import annotations

from itertools import zip_longest

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from palimpsest.data.shards import parse_sharding
from palimpsest.plots import style as common
from palimpsest.plots.choice import MOST_FAMILIES, ensembles, over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, method_of

SPREAD = (
    f"lines have no interval; {common.BARS[0]}",
    f"bands reach from the least to the most of them; {common.BARS[1]}",
)
APART = 0.01  # of gap, between the bars of two methods, which stand left of their points
LINES = {"valid": ((0, (4, 1.5)), "fitted records"), "test": ("-", "held-out records")}


def select(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Cost over the allowed gap, on valid (fitted) and test (held out): mean, least and most over
    seeds. At the gap that the study allows the tidy table has the same cost with its interval."""
    families = settings["families"][:MOST_FAMILIES]
    keys = ["family", "shards", "method", "set", "eps"]
    over = epsilon[epsilon["shards"].isin(ensembles(epsilon))].groupby(keys)["cost"]
    merged = over.agg(cost="mean", cost_low="min", cost_high="max", seeds="size").reset_index()
    asked = newest(over_seeds(metrics), settings).rename(columns={"group": "family"})
    asked = asked.loc[asked["metric"] == "fit_cost", [*keys[:-1], "n", "ci_low", "ci_high"]]
    merged = merged.merge(asked, on=keys[:-1])
    ends = ["ci_low", "ci_high"]
    merged[ends] = merged[ends].where(merged["eps"] == settings["eps"], float("nan"))
    by_shards = sorted(merged["shards"].unique(), key=parse_sharding)
    return in_order(
        merged,
        family=families,
        shards=by_shards,
        method=in_method_order(merged["method"]),
        set=["valid", "test"],
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: family, shards, method, set (valid, test), eps, cost, cost_low, cost_high, ci_low,
    ci_high, n, seeds. One row per family, one column per ensemble."""
    families, shardings = frame["family"].unique(), frame["shards"].unique()
    height = 0.9 + (2.4 if len(families) == 1 else 1.7 * len(families))
    made, axes = common.figure(
        style, height, len(families), len(shardings), sharex=True, sharey="row"
    )
    for row, family in zip(axes, families, strict=True):
        for place, sharding in zip(row, shardings, strict=True):
            panel(place, frame[(frame["family"] == family) & (frame["shards"] == sharding)])
            common.percent(place.xaxis)
            common.title(
                place, common.shard_words(sharding), made.get_figwidth() / len(shardings) - 0.3
            )
        if len(families) > 1:
            row[0].set_ylabel(common.wrapped(common.words(family), 1.6, 8, 2))
    made.supxlabel("Allowed equalized-odds gap (percentage points)", fontsize=8)
    made.supylabel("Mean cost of errors per record (down is better)", fontsize=8)
    common.legend(made, handles(frame), columns=3)
    return made


def panel(place, frame: pd.DataFrame) -> None:
    for (method, set_), points in frame.groupby(["method", "set"], sort=False):
        way, dash = common.look(method), LINES[set_][0]
        points = points.sort_values("eps")
        if set_ == "test":
            place.fill_between(
                points["eps"],
                points["cost_low"],
                points["cost_high"],
                color=way.colour,
                alpha=0.12,
                linewidth=0,
            )
        place.plot(
            points["eps"],
            points["cost"],
            color=way.colour,
            linestyle=dash,
            marker=way.marker,
            markersize=3.2,
            markerfacecolor=way.colour if set_ == "test" else "white",
            label=f"{method} {set_}",
        )
    held_out = frame[(frame["set"] == "test") & frame["ci_low"].notna()]
    for number, (method, points) in enumerate(held_out.groupby("method", sort=False)):
        place.vlines(
            points["eps"] - APART * (number + 1), points["ci_low"], points["ci_high"],
            color=common.look(method).colour, linewidth=1.1,
        )  # fmt: skip


def handles(frame: pd.DataFrame) -> list:
    shown = in_method_order(frame["method"])
    ways = [common.look(name) for name in shown]
    rules = [
        Line2D(
            [], [], color=way.colour, marker=way.marker, markersize=4, label=method_of(name).label
        )
        for name, way in zip(shown, ways, strict=True)
    ]
    others = [
        Line2D(
            [],
            [],
            color=common.GREY,
            linestyle=dash,
            marker="o",
            markersize=3.2,
            markerfacecolor=face,
            label=text,
        )
        for (dash, text), face in zip(LINES.values(), ("white", common.GREY), strict=True)
    ]
    if (frame["seeds"] > 1).any():
        others.append(
            Patch(
                color=common.GREY, alpha=0.3, linewidth=0, label="held out, least to most of seeds"
            )
        )
    if frame["ci_low"].notna().any():
        text = "held out, interval at the gap that the study allows"
        bar = {"linestyle": "", "marker": "|", "markersize": 9, "color": common.GREY}
        others.append(Line2D([], [], label=text, **bar))
    return [handle for pair in zip_longest(rules, others) for handle in pair if handle]


def told(frame: pd.DataFrame) -> str:
    counts = {words: frame.loc[frame["set"] == set_, "n"] for set_, (_, words) in LINES.items()}
    return common.told(frame, counts, SPREAD)
