"""How far planted secrets stand out among possible ones, over how often they were in the text."""

from __future__ import annotations

from math import e, log2

import pandas as pd
from matplotlib.figure import Figure

from palimpsest.plots import style as common
from palimpsest.plots.choice import over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order

TITLES = {
    "forget": "Secrets asked to be forgotten",
    "controls": "Secrets that nobody asks to forget",
}
SPREAD = tuple(text.replace("records", "secrets") for text in common.BARS)  # these are planted
CHANCE = log2(e)  # bits: the mean of -log2 of a uniform draw


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Exposure in the newest state over how often a secret stood in the text: of secrets that are
    to be forgotten, and of controls."""
    now = newest(over_seeds(metrics), settings)
    chosen = now[now["metric"].isin(["exposure", "exposure_sampled"]) & now["set"].isin(TITLES)]
    chosen = chosen.assign(repetitions=chosen["group"].str.removeprefix("repetitions=").astype(int))
    columns = ["set", "method", "repetitions", "metric", "value", "ci_low", "ci_high", "n", "seeds"]
    chosen = chosen[columns]
    return in_order(
        chosen,
        set=TITLES,
        method=in_method_order(chosen["method"]),
        repetitions=sorted(chosen["repetitions"].unique()),
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: set (forget, controls), method, repetitions, value (bits), ci_low, ci_high, n, seeds.
    One panel per set."""
    sets, methods = list(frame["set"].unique()), list(frame["method"].unique())
    counts = sorted(frame["repetitions"].unique())
    made, axes = common.figure(style, 3.2, 1, len(sets), sharey=True)
    for place, set_ in zip(axes[0], sets, strict=True):
        common.reference(place, y=CHANCE)
        for number, (method, points) in enumerate(
            frame[frame["set"] == set_].groupby("method", sort=False)
        ):
            at = common.positions(points["repetitions"], counts) + common.nudge(
                number, len(methods)
            )
            common.mark(place, method, at, points["value"], yerr=common.whiskers(points))
        place.set_xticks(range(len(counts)), [str(count) for count in counts])
        place.set_xlim(-0.5, len(counts) - 0.5)
        place.set_title(TITLES[set_])
    axes[0, 0].set_ylim(bottom=0)
    made.supxlabel("Times that the secret stood in the text", fontsize=8)
    made.supylabel("Exposure (bits; by chance 1.44)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(methods)]
    handles.append(common.dashed_handle("by chance"))
    common.legend(made, handles, columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"secrets of each kind": frame["n"]}, SPREAD)
