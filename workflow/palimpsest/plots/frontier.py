"""Forgetting against utility: the base is where every method starts, the oracle where it ought to
end."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest.plots import style as common
from palimpsest.plots.choice import latest_requests, over_seeds
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Probability of forgotten and of retained answers after each request, of every method that
    made a model, the base and the oracle."""
    rows = over_seeds(
        metrics[(metrics["metric"] == "probability") & metrics["set"].isin(["forget", "retain"])]
    )
    sides = []
    for set_ in ("forget", "retain"):
        columns = ["request", "method", "value", "ci_low", "ci_high", "n", "seeds"]
        names = {"value": set_, "ci_low": f"{set_}_low", "ci_high": f"{set_}_high"}
        names |= {"n": f"{set_}_n", "seeds": f"{set_}_seeds"}
        sides.append(rows.loc[rows["set"] == set_, columns].rename(columns=names))
    joined = sides[0].merge(sides[1], on=["request", "method"])
    for name in ("n", "seeds"):
        joined[name] = joined[[f"forget_{name}", f"retain_{name}"]].min(axis=1)
    joined = joined.drop(columns=["forget_seeds", "retain_seeds"])
    recent = latest_requests(joined, settings)
    return in_order(joined, request=recent, method=in_method_order(joined["method"]))


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: request, method, seeds, and forget and retain (probability of an answer), each with
    _low, _high and _n. One panel per request."""
    requests = list(frame["request"].unique())
    made, axes = common.panels(style, len(requests), 1.0, 2.4)
    for place, request in zip(axes, requests, strict=True):
        part = frame[frame["request"] == request]
        for mark in part[part["method"] == "oracle"].itertuples():
            common.reference(place, mark.forget, mark.retain)
        for method, points in part.groupby("method", sort=False):
            common.mark(
                place,
                method,
                points["forget"],
                points["retain"],
                xerr=common.whiskers(points, "forget", "forget_low", "forget_high"),
                yerr=common.whiskers(points, "retain", "retain_low", "retain_high"),
            )
        words = f"After request {request}" if len(requests) == 1 else f"Request {request}"
        common.title(
            place, f"{words}: n = {common.span(part['forget_n'])}",
            made.get_figwidth() / min(len(requests), common.WIDE) - 0.5,
        )  # fmt: skip
        place.set_xlim(-0.03, 1.03)
        place.set_ylim(-0.03, 1.03)
    made.supxlabel(
        "Probability of a forgotten answer (the nearer to the oracle's, the better)", fontsize=8
    )
    made.supylabel("Probability of a retained answer", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    if "oracle" in set(frame["method"]):
        handles.append(common.dashed_handle("the oracle's"))
    common.legend(made, handles, columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    counts = {"forgotten records": frame["forget_n"], "retained ones": frame["retain_n"]}
    return common.told(frame, counts)
