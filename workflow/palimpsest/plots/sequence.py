"""Requests one after another against all of them at once: what is left of the forgotten, and of the
rest, after each."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest.plots import style as common
from palimpsest.plots.choice import over_seeds
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order

TITLES = {"forget": "All that is forgotten so far", "retain": "Retained"}
WORDS = {"forget": "forgotten", "retain": "retained"}
DASHES = {"sequential": "-", "batch": (0, (4, 2))}
ORDERS = {"sequential": "one request after another", "batch": "all requests at once"}


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Probability of all that is forgotten up to each request, and of the retained: of
    ``settings['orders']``, which says of each method whether it forgets one request after another
    (sequential) or all together (batch), and of the oracle."""
    rows = over_seeds(metrics[(metrics["metric"] == "probability") & metrics["set"].isin(TITLES)])
    orders = {"oracle": "sequential", **settings["orders"]}
    shown = [name for name in in_method_order(rows["method"]) if name in orders]
    states = [
        name
        for name in settings["states"]
        if name in set(rows.loc[rows["set"] == "forget", "request"])
    ]
    chosen = rows.assign(order=rows["method"].map(orders))[
        ["set", "method", "order", "request", "value", "ci_low", "ci_high", "n", "seeds"]
    ]
    return in_order(chosen, set=TITLES, method=shown, request=states)


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: set (forget, retain), method, order, request, value (probability of an answer),
    ci_low, ci_high, n, seeds. One panel per set."""
    sets, methods, requests = (list(frame[name].unique()) for name in ("set", "method", "request"))
    made, axes = common.figure(style, 3.2, 1, len(sets), sharey=True)
    for place, set_ in zip(axes[0], sets, strict=True):
        for number, (method, points) in enumerate(
            frame[frame["set"] == set_].groupby("method", sort=False)
        ):
            at = common.positions(points["request"], requests) + common.nudge(number, len(methods))
            line = DASHES[points["order"].iloc[0]]
            common.mark(place, method, at, points["value"], line, yerr=common.whiskers(points))
        place.set_xticks(range(len(requests)), requests)
        place.set_xlim(-0.5, len(requests) - 0.5)
        place.set_title(TITLES[set_])
        place.set_ylim(-0.03, 1.03)
    made.supxlabel("Requests served", fontsize=8)
    made.supylabel("Probability of an answer", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(methods)]
    handles += [
        Line2D([], [], color=common.BLACK, linewidth=0.9, linestyle=line, label=ORDERS[order])
        for order, line in DASHES.items()
        if order in set(frame["order"])
    ]
    common.legend(made, handles, columns=3)
    common.turn_ticks(made)
    return made


def told(frame: pd.DataFrame) -> str:
    sets = frame.groupby("set", sort=False)["n"]
    return common.told(frame, {f"{WORDS[set_]} records": n for set_, n in sets})
