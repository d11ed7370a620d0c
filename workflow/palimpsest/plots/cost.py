"""Tokens trained to serve a request, as a share of training everything again, on the curve that was
to be expected over its owners."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from palimpsest import selections
from palimpsest.plots import style as common

select = selections.cost
FULL = {"color": common.GREY, "linewidth": 0.9, "linestyle": (0, (4, 2))}
EXPECTED = {"color": common.SKY, "linewidth": 1.6}
APART = 1.14  # factor between requests of as many owners


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: metric (expected_curve, retrained_share), request, shards, seed ('all' is the mean),
    owners, value. A panel an ensemble."""
    shardings, requests = (
        list(frame["shards"].unique()),
        [name for name in frame["request"].unique() if name],
    )
    made, axes = common.panels(style, len(shardings), 0.9, 1.9)
    for place, sharding in zip(axes, shardings, strict=True):
        panel(place, frame[frame["shards"] == sharding], requests)
        place.set_title(common.shard_words(sharding))
    axes[0].set_ylim(bottom=0)
    common.percent(axes[0].yaxis)
    made.supxlabel("Owners that a request names", fontsize=8)
    made.supylabel("Tokens trained (% of a full retraining)", fontsize=8)
    common.legend(made, handles(frame, requests), columns=4)
    return made


def panel(place, frame: pd.DataFrame, requests: list[str]) -> None:
    expected, trained = (
        frame[frame["metric"] == name] for name in ("expected_curve", "retrained_share")
    )
    expected = expected.sort_values("owners")
    place.plot(expected["owners"], expected["value"], **EXPECTED, label="expected", zorder=2)
    place.axhline(1, **FULL, zorder=1)
    owners = trained.groupby("request")["owners"].first()
    several = trained.loc[trained["seed"] != "all", "seed"].nunique() > 1
    for number, request in enumerate(requests):
        points = trained[trained["request"] == request]
        alike = [name for name in requests if owners.get(name) == owners.get(request)]
        at = (
            points["owners"] * APART ** (alike.index(request) - (len(alike) - 1) / 2)
            if request in alike
            else points["owners"]
        )
        colour, marker, mean = (
            common.COLOURS[number % 7],
            common.MARKERS[number % 9],
            points["seed"] == "all",
        )
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
    place.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5) if frame["owners"].max() <= 30 else (1,))
    )
    place.xaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:g}"))
    place.xaxis.set_minor_formatter(NullFormatter())


def handles(frame: pd.DataFrame, requests: list[str]) -> list:
    owners = frame[frame["request"] != ""].groupby("request")["owners"].first()
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
