"""Can the forgotten records still be distinguished from unseen ones by their loss, before each
request and after it? Only what could be distinguished before can have been forgotten since."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest.data.shards import parse_sharding
from palimpsest.plots import style as common
from palimpsest.plots.choice import latest_requests, over_seeds
from palimpsest.report.rows import in_order
from palimpsest.report.shown import in_method_order, is_method, method_of

LOOKS = {
    "before": (common.RED, "X", "before the request", -0.14),
    "after": (common.BLUE, "o", "after the request", 0.14),
}
GUESSING = 0.5
LEAST = (0.3, 0.7)  # what the axis holds at least: a narrower one would make much of little


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """AUROC of distinguishing forgotten records from unseen ones by their loss, before and after
    each request. `who` is a sharding, whose models are trained without them, or the method that
    trained the base on; its `before` is what it started from."""
    rows = over_seeds(metrics[metrics["metric"] == "membership_auroc"])
    approximate = rows["method"].map(lambda name: is_method(name) and method_of(name).trains)
    when = rows["set"].map({"forget_before": "before", "forget": "after"})
    rows = rows.assign(when=when, who=rows["method"].where(approximate, rows["shards"]))
    chosen = rows[["request", "who", "when", "value", "ci_low", "ci_high", "n", "seeds"]]
    recent = latest_requests(chosen, settings)
    by_shards = sorted(rows.loc[~approximate, "shards"].unique(), key=parse_sharding)
    return in_order(
        chosen,
        request=recent,
        who=[*by_shards, *in_method_order(chosen["who"])],
        when=["before", "after"],
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: request, who (sharding or method), when (before, after), value, ci_low, ci_high, n
    forgotten records, seeds. One panel per request. Hollow: before the request the records could
    not be told from unseen ones, so that their being so after it shows nothing."""
    requests, models = list(frame["request"].unique()), list(frame["who"].unique())
    made, axes = common.panels(style, len(requests), 0.75, 0.6 + 0.34 * len(models))
    inches = made.get_figwidth() / min(len(requests), common.WIDE) - 0.5
    for place, request in zip(axes, requests, strict=True):
        part = frame[frame["request"] == request]
        panel(place, part, models)
        common.title(place, f"Request {request}: n = {common.span(part['n'])}", inches)
    low, high = axes[0].get_xlim()
    axes[0].set_xlim(min(low, LEAST[0]), max(high, LEAST[1]))
    axes[0].set_yticks(range(len(models)), [words(name) for name in models])
    axes[0].set_ylim(len(models) - 0.4, -0.6)
    made.supxlabel(
        "AUROC of membership inference by loss (0.5 tells nothing, 1 tells all)", fontsize=8
    )
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, label=text)
        for colour, marker, text, _ in LOOKS.values()
    ]
    if (~revealed(frame)).any():
        text = "hollow: no more than guessing even before"
        handles.append(
            Line2D([], [], linestyle="", marker="o", color=common.GREY, mfc="white", label=text)
        )
    handles.append(common.dashed_handle("guessing"))
    common.legend(made, handles, columns=4)
    return made


def words(who: str) -> str:
    return method_of(who).label if is_method(who) else f"{common.shard_words(who)}, retrained"


def revealed(frame: pd.DataFrame) -> pd.Series:
    """Whether the records of a row could be told from unseen ones before the request: the interval
    lies above guessing; a row without one before, or without its interval, is as it is."""
    keys = ["request", "who"]
    before = frame[frame["when"] == "before"].set_index(keys)["ci_low"].rename("least")
    least = frame.join(before, on=keys)["least"]
    return (least > GUESSING) | least.isna()


def panel(place, frame: pd.DataFrame, models: list[str]) -> None:
    common.reference(place, GUESSING)
    for when, (colour, marker, _, nudge) in LOOKS.items():
        for told, points in frame[frame["when"] == when].groupby(revealed(frame)):
            place.errorbar(
                points["value"],
                common.positions(points["who"], models) + nudge,
                xerr=common.whiskers(points),
                label=when,
                fmt=marker,
                color=colour,
                markerfacecolor=colour if told else "white",
                elinewidth=0.9,
                zorder=3,
            )
    place.grid(axis="y", visible=False)
    place.tick_params(axis="y", length=0)


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"forgotten records": frame["n"]})
