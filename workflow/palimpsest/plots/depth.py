"""Each method before and after every attack, beside the oracle after the same attack."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest.plots import style as common
from palimpsest.plots.choice import over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, method_of

KEPT = ["method", "value", "ci_low", "ci_high", "n", "seeds"]


def select(metrics: pd.DataFrame, attacked: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Probability of a forgotten answer in the newest state before an attack, and after it of what
    the attack did not show; `oracle` is the oracle's after it. By the label of the attack; `n` is
    the lower of the two."""
    labels = {name: facts["label"] for name, facts in settings["attacks"].items()}

    def chosen(rows: pd.DataFrame) -> pd.DataFrame:
        now = newest(over_seeds(rows), settings)
        return now[(now["metric"] == "probability") & (now["set"] == "forget")]

    before, after = chosen(metrics)[KEPT], chosen(attacked)[["attack", *KEPT]]
    frame = after.merge(before, on="method", suffixes=("", "_before"))
    oracle = after[after["method"] == "oracle"].set_index("attack")["value"]
    frame = frame.assign(
        oracle=frame["attack"].map(oracle),
        n=frame[["n", "n_before"]].min(axis=1),
        seeds=frame[["seeds", "seeds_before"]].min(axis=1),
        attack=frame["attack"].map(labels),
        before=frame["value_before"],
    )
    columns = ["attack", "method", "before", "value", "ci_low", "ci_high", "oracle", "n", "seeds"]
    methods = in_method_order(frame["method"])
    return in_order(frame[columns], attack=labels.values(), method=methods)


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: attack (its label), method, before and value (probability of a forgotten answer before
    and after it) with ci_low and ci_high, oracle (its value), n, seeds. One panel per attack, a row
    a method."""
    attacks, methods = list(frame["attack"].unique()), in_method_order(frame["method"])
    made, axes = common.panels(style, len(attacks), 0.9, 0.5 + 0.19 * len(methods))
    for place, attack in zip(axes, attacks, strict=True):
        part = frame[frame["attack"] == attack]
        if part["oracle"].notna().any():
            common.reference(place, x=part["oracle"].dropna().iloc[0])
        for one in part.itertuples():
            row, way = methods.index(one.method), common.look(one.method)
            place.plot([one.before, one.value], [row, row], color=way.colour, linewidth=0.8)
            place.plot(one.before, row, **BEFORE, label="before")
        for method, points in part.groupby("method", sort=False):
            row = [methods.index(method)] * len(points)
            common.mark(place, method, points["value"], row, xerr=common.whiskers(points))
        inches = made.get_figwidth() / min(len(attacks), common.WIDE) - 0.5
        common.title(place, attack.capitalize(), inches)
        place.set_xlim(-0.03, 1.03)
        place.set_ylim(len(methods) - 0.5, -0.5)
        place.set_yticks(range(len(methods)), [method_of(name).label for name in methods])
    made.supxlabel("Probability of a forgotten answer", fontsize=8)
    handles = [
        Line2D([], [], **BEFORE, label="before the attack"),
        Line2D([], [], **AFTER, label="after it"),
        common.dashed_handle("the oracle after it"),
    ]
    common.legend(made, handles, columns=3)
    return made


BEFORE = {"linestyle": "", "marker": "|", "markersize": 7, "color": common.BLACK, "zorder": 2}
AFTER = {"linestyle": "", "marker": "o", "markersize": 5, "color": common.GREY,
         "markerfacecolor": "white"}  # fmt: skip


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"forgotten records": frame["n"]})
