"""How far each model prefers a true answer to false ones: the spread over records."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest.plots import style as common
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order, method_of

# columns of quantiles over records
QUANTILES = {"low": 0.05, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "high": 0.95}
TITLES = {"forget": "Forgotten records", "retain": "Retained records", "test": "Test records"}
SPREAD = (
    "lines are the spread of records, no interval of their median",
    "lines are the spread of records (means over seeds of quantiles), no interval of their median",
)


def select(metrics: pd.DataFrame, truth: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """How far a true answer is preferred to false ones, in the newest state: quantiles over
    records, mean of the seeds."""
    now = truth[truth["request"] == settings["states"][-1]]
    each = now.astype({"preference": float}).groupby(["method", "set", "seed"])["preference"]
    frame = pd.DataFrame({name: each.quantile(share) for name, share in QUANTILES.items()})
    frame = frame.assign(n=each.size(), seeds=1)
    means = dict.fromkeys(QUANTILES, "mean") | {"n": "mean", "seeds": "sum"}
    frame = frame.groupby(["method", "set"]).agg(means).reset_index().round({"n": 0})
    return in_order(frame, set=TITLES, method=in_method_order(frame["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, set, quantiles over records of 1 / (1 + R), n, seeds. One panel per set, one
    line per method, and behind them the oracle's middle half."""
    sets, methods = list(frame["set"].unique()), list(frame["method"].unique())
    made, axes = common.figure(
        style, 1.1 + 0.19 * len(methods), 1, len(sets), sharex=True, sharey=True
    )
    for place, set_ in zip(axes[0], sets, strict=True):
        part = frame[frame["set"] == set_]
        for oracle in part[part["method"] == "oracle"].itertuples():
            place.axvspan(oracle.quarter, oracle.three_quarters, color="#dfdfdf", linewidth=0)
            common.reference(place, oracle.median)
        for row in part.itertuples():
            way, line = common.look(row.method), methods.index(row.method)
            place.hlines(line, row.low, row.high, color=way.colour, linewidth=0.8)
            place.hlines(line, row.quarter, row.three_quarters, color=way.colour, linewidth=2.6)
            common.mark(place, row.method, [row.median], [line])
        place.set_title(TITLES[set_])
        place.set_xlim(0, 1)
        place.grid(axis="y", visible=False)
        place.tick_params(axis="y", length=0)
    axes[0, 0].set_yticks(range(len(methods)), [method_of(name).label for name in methods])
    axes[0, 0].set_ylim(len(methods) - 0.4, -0.6)
    made.supxlabel("Preference for the true answer, 1 / (1 + truth ratio); 0.5 is none", fontsize=8)
    handles = [
        Line2D([], [], color=common.BLACK, marker="o", mfc="white", linewidth=0, label="median"),
        Line2D([], [], color=common.BLACK, linewidth=2.6, label="middle half"),
        Line2D([], [], color=common.BLACK, linewidth=0.8, label="nine tenths"),
    ]
    if "oracle" in methods:
        handles.append(common.dashed_handle("the oracle's (grey: middle half)"))
    common.legend(made, handles, columns=4)
    return made


def told(frame: pd.DataFrame) -> str:
    counts = {TITLES[set_].lower(): part["n"] for set_, part in frame.groupby("set", sort=False)}
    return common.told(frame, counts, SPREAD)
