"""What comes back of the forgotten while an attack trains on other text."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from palimpsest.plots import style as common
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order


def select(metrics: pd.DataFrame, watched: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Memorization accuracy of forgotten text that an attack does not show, over its updates, for
    the newest request: mean of the seeds, the least and the most of them. By the label of the
    attack."""
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
    frame = frame.assign(attack=frame["attack"].map(labels))
    return in_order(frame, attack=labels.values(), method=in_method_order(frame["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: attack (its label), method, update, value, low, high (memorization accuracy of what
    the attack does not show), n, seeds. One panel per attack."""
    attacks = list(frame["attack"].unique())
    made, axes = common.panels(style, len(attacks), 1.1, 2.3)
    for place, attack in zip(axes, attacks, strict=True):
        for method, points in frame[frame["attack"] == attack].groupby("method", sort=False):
            common.draw_way(place, points, method)
        place.set_title(attack.capitalize())
        place.set_ylim(0, 1.03)
        place.margins(x=0.03)
        place.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    made.supxlabel("Updates of the attack", fontsize=8)
    made.supylabel("Forgotten tokens known (share)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    common.legend(made, handles, columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    words = "forgotten records that the attack does not show"
    return common.told(frame, {words: frame["n"]}, common.BANDS)
