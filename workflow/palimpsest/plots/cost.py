"""Tokens trained to serve a request, as a share of a full retraining, beside the share that is
expected for its number of owners."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from palimpsest.data.shards import parse_sharding
from palimpsest.plots import style as common
from palimpsest.plots.choice import latest_requests
from palimpsest.report.rows import in_order
from palimpsest.report.tables import ALL_SEEDS

FULL = {"color": common.GREY, "linewidth": 0.9, "linestyle": (0, (4, 2))}
EXPECTED = {"color": common.SKY, "linewidth": 1.6}
SPREAD = (
    "tokens are counted, and depend on where the seed puts an owner",
    "tokens are counted; the short lines show how far they depend on where a seed puts an owner",
)
APART = 1.14  # factor between requests of equally many owners


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Tokens trained for each request, as a share of a full retraining, each seed and all; and the
    share that is expected, over owners.

    Rows of metric `expected_curve` belong to no request. A single model is left out where there are
    others: it always trains in full.
    """
    trained = metrics[
        (metrics["metric"] == "retrained_share") & metrics["method"].isin(["oracle", "sisa"])
    ]
    recent = latest_requests(trained, settings)
    expected = metrics[
        (metrics["metric"] == "expected_curve")
        & (metrics["seed"] == ALL_SEEDS)
        & metrics["request"].isin(recent)
    ]
    expected = (
        expected.assign(request="").sort_values("n", kind="stable").drop_duplicates(["shards", "n"])
    )
    rows = pd.concat([trained, expected])[["metric", "request", "shards", "seed", "n", "value"]]
    rows = rows.assign(seeds=trained.loc[trained["seed"] != ALL_SEEDS, "seed"].nunique())
    by_shards = sorted(rows["shards"].unique(), key=parse_sharding)
    by_shards = [name for name in by_shards if parse_sharding(name) != (1, 1)] or by_shards
    kinds = ["expected_curve", "retrained_share"]
    return in_order(
        rows,
        metric=kinds,
        request=["", *recent],
        shards=by_shards,
        seed=sorted(rows["seed"].unique()),
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: metric (expected_curve, retrained_share), request, shards, seed ('all' is the mean),
    n (owners), value, seeds. One panel per ensemble."""
    shardings = list(frame["shards"].unique())
    requests = [name for name in frame["request"].unique() if name]
    made, axes = common.panels(style, len(shardings), 0.9, 1.9)
    for place, sharding in zip(axes, shardings, strict=True):
        panel(place, frame[frame["shards"] == sharding], requests)
        place.set_title(common.shard_words(sharding))
    axes[0].set_ylim(bottom=0)
    common.percent(axes[0].yaxis)
    made.supxlabel("Owners that a request names", fontsize=8)
    made.supylabel("Tokens trained, % of a full retraining\n(down is cheaper)", fontsize=8)
    common.legend(made, handles(frame, requests), columns=4)
    return made


def panel(place, frame: pd.DataFrame, requests: list[str]) -> None:
    expected, trained = (
        frame[frame["metric"] == name] for name in ("expected_curve", "retrained_share")
    )
    expected = expected.sort_values("n")
    place.plot(expected["n"], expected["value"], **EXPECTED, label="expected", zorder=2)
    place.axhline(1, **FULL, zorder=1)
    owners = trained.groupby("request")["n"].first()
    several = trained.loc[trained["seed"] != "all", "seed"].nunique() > 1
    for number, request in enumerate(requests):
        points = trained[trained["request"] == request]
        alike = [name for name in requests if owners.get(name) == owners.get(request)]
        at = (
            points["n"] * APART ** (alike.index(request) - (len(alike) - 1) / 2)
            if request in alike
            else points["n"]
        )
        colour = common.COLOURS[number % 7]
        marker = common.MARKERS[number % 9]
        mean = points["seed"] == "all"
        place.plot(
            at[mean],
            points.loc[mean, "value"],
            linestyle="",
            marker=marker,
            color=colour,
            label=request,
            zorder=4,
        )
        if several:
            place.plot(
                at[~mean],
                points.loc[~mean, "value"],
                linestyle="",
                marker="_",
                markersize=7,
                color=colour,
                zorder=3,
            )
    place.set_xscale("log")
    place.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if frame["n"].max() <= 30 else (1,)))
    place.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:g}"))
    place.xaxis.set_minor_formatter(NullFormatter())


def handles(frame: pd.DataFrame, requests: list[str]) -> list:
    owners = frame[frame["request"] != ""].groupby("request")["n"].first()
    several = frame.loc[frame["metric"] == "retrained_share", "seed"].nunique() > 2
    shown = [
        Line2D([], [], **EXPECTED, label="expected"),
        Line2D([], [], **FULL, label="full retraining"),
    ]
    for number, name in enumerate(requests):
        text = (
            f"request {name}{', mean' if several else ''} ({owners[name]} "
            f"{'owner' if owners[name] == 1 else 'owners'})"
        )
        shown.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker=common.MARKERS[number % 9],
                color=common.COLOURS[number % 7],
                label=text,
            )
        )
    return (
        [
            *shown,
            Line2D(
                [], [], linestyle="", marker="_", markersize=7, color=common.GREY, label="one seed"
            ),
        ]
        if several
        else shown
    )


def told(frame: pd.DataFrame) -> str:
    trained = frame[frame["metric"] == "retrained_share"]
    return common.told(trained, {"owners a request": trained["n"]}, SPREAD)
