"""How the perplexity of forgotten and of retained text moves while a method trains."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from palimpsest.plots import style as common
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order

# ticks, by the largest ratio of the highest to the lowest value
TICKS = {10: (1, 1.5, 2, 3, 5), 100: (1, 2, 5), math.inf: (1,)}
TITLES = {"forget": "Forgotten text", "retain": "Retained text"}
# Where seeds of a method end, and those that stop by its own rule before their time.
ENDS = {
    kind: {
        "linestyle": "",
        "marker": marker,
        "markersize": size,
        "color": common.BLACK,
        "zorder": 4,
    }
    for kind, marker, size in (("ended", "o", 2.6), ("stopped", "x", 8))
}
WORDS = {"ended": "end of a training", "stopped": "stopped early by its own rule"}


def select(metrics: pd.DataFrame, watched: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Perplexity of forgotten and of retained text over the updates of each method for the newest
    request: mean of the seeds, the least and the most of them; `oracle` is the retrained model's. A
    seed that ended keeps its last value: that model is its result. `ended` is how many seeds ended
    at an update, `stopped` how many of these did so before their time, by the method's own rule."""
    chosen = watched[
        (watched["request"] == settings["states"][-1])
        & (watched["metric"] == "perplexity")
        & watched["set"].isin(TITLES)
    ]
    keys = ["method", "set", "update"]
    seeds = (
        chosen.pivot(index=keys, columns="seed", values="value").groupby(["method", "set"]).ffill()
    )
    last = chosen["update"] == chosen.groupby(["method", "set", "seed"])["update"].transform("max")
    ends = chosen.assign(ended=last, stopped=last & chosen["stopped"]).groupby(keys)
    frame = pd.DataFrame(
        {
            "value": seeds.mean(axis=1),
            "low": seeds.min(axis=1),
            "high": seeds.max(axis=1),
            "seeds": seeds.notna().sum(axis=1),
            "n": ends["n"].min(),
            "ended": ends["ended"].sum(),
            "stopped": ends["stopped"].sum(),
        }
    ).reset_index()
    now = newest(metrics, settings)
    oracle = now[(now["method"] == "oracle") & (now["metric"] == "perplexity")].set_index("set")[
        "value"
    ]
    frame["oracle"] = frame["set"].map(oracle)
    return in_order(
        frame,
        set=TITLES,
        method=in_method_order(frame["method"]),
        update=sorted(frame["update"].unique()),
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: method, set (forget, retain), update, value, low, high (perplexity), oracle (the
    retrained model's), n, seeds, ended, stopped (seeds). One panel per set."""
    sets = list(frame["set"].unique())
    made, axes = common.figure(style, 3.0, 1, len(sets))
    for place, set_ in zip(axes[0], sets, strict=True):
        part = frame[frame["set"] == set_]
        common.reference(place, y=part["oracle"].iloc[0])
        for method, points in part.groupby("method", sort=False):
            common.draw_way(place, points, method, max(1, len(points) // 6))
            for kind, marker in ENDS.items():
                at = points[points[kind] > 0]
                place.plot(at["update"], at["value"], label=kind, **marker)
        place.set_yscale("log")
        place.yaxis.set_major_formatter("{x:g}")
        place.yaxis.set_minor_locator(NullLocator())
        low, high = part[["low", "oracle"]].min(axis=None), part[["high", "oracle"]].max(axis=None)
        subs = next(some for most, some in TICKS.items() if high / low <= most)
        place.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        # a factor of 2 at least, so that there is something on the axis
        place.set_ylim(low / 1.15, max(high * 1.15, low * 2))
        place.set_title(TITLES[set_])
        place.margins(x=0.02)
    made.supxlabel("Updates", fontsize=8)
    made.supylabel("Perplexity (log scale)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    handles += [
        Line2D([], [], label=text, **ENDS[kind])
        for kind, text in WORDS.items()
        if (frame[kind] > 0).any()
    ]
    handles.append(common.dashed_handle("oracle (retrained)"))
    common.legend(made, handles, columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    counts = {
        TITLES[set_].lower() + "s": part["n"] for set_, part in frame.groupby("set", sort=False)
    }
    return common.told(frame, counts, common.BANDS)
