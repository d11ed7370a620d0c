"""What comes back of the forgotten while an attack trains on other text."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from palimpsest.plots import style as common
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order

REACHED = {"linestyle": "", "marker": "o", "markersize": 9, "color": common.BLACK,
           "markerfacecolor": "none", "markeredgewidth": 0.7}  # fmt: skip


def select(metrics: pd.DataFrame, watched: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Memorization accuracy of forgotten text that an attack does not show, over its updates, for
    the newest request: mean of the seeds, the least and the most of them. By the label of the
    attack. level: half way from what the oracle knows before the attack to what the base knows;
    half: the first update that was looked at where a method has as much, NaN where it never has.
    """
    labels = {name: facts["label"] for name, facts in settings["attacks"].items()}
    chosen = watched[
        (watched["request"] == settings["states"][-1])
        & (watched["metric"] == "memorization_accuracy")
        & (watched["set"] == "forget")
    ]
    seeds = chosen.groupby(["attack", "method", "update"]).agg(
        value=("value", "mean"),
        low=("value", "min"),
        high=("value", "max"),
        seeds=("value", "size"),
        n=("n", "min"),
    )
    frame = seeds.reset_index()
    first = frame[frame["update"] == 0].set_index(["attack", "method"])["value"].unstack()
    first = first.reindex(columns=["base", "oracle"])
    frame["level"] = frame["attack"].map(first.mean(axis=1, skipna=False))
    reached = frame[frame["value"] >= frame["level"]]
    half = reached.groupby(["attack", "method"])["update"].min().rename("half")
    frame = frame.join(half, on=["attack", "method"])
    frame = frame.assign(attack=frame["attack"].map(labels))
    return in_order(frame, attack=labels.values(), method=in_method_order(frame["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: attack (its label), method, update, value, low, high (memorization accuracy of what
    the attack does not show), level, half (an update, or NaN), n, seeds. One panel per attack."""
    attacks = list(frame["attack"].unique())
    made, axes = common.panels(style, len(attacks), 1.1, 2.3)
    for place, attack in zip(axes, attacks, strict=True):
        part = frame[frame["attack"] == attack]
        if part["level"].notna().any():
            common.reference(place, y=part["level"].iloc[0])
        for method, points in part.groupby("method", sort=False):
            common.draw_way(place, points, method)
            at = points[points["update"] == points["half"]]
            place.plot(at["update"], at["value"], **REACHED, label="half")
        place.set_title(attack.capitalize())
        place.set_ylim(0, 1.03)
        place.margins(x=0.03)
        place.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    made.supxlabel("Updates of the attack", fontsize=8)
    made.supylabel("Forgotten tokens known (share)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    if frame["level"].notna().any():
        handles.append(common.dashed_handle("half of what the base knows and the oracle does not"))
        handles.append(Line2D([], [], **REACHED, label="first known so well"))
    common.legend(made, handles, columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    words = "forgotten records that the attack does not show"
    return common.told(frame, {words: frame["n"]}, common.BANDS)
