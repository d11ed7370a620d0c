"""Accuracy and equalized-odds gap over the number of shards: does SISA make a model less fair? A
panel for each number of slices, so that along a line nothing but the number of shards changes."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palimpsest.data.shards import parse_sharding
from palimpsest.plots import style as common
from palimpsest.plots.choice import MOST_FAMILIES, over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, method_of, of_teachers

UNFITTED = ("base", "oracle", "sisa_vote", "sisa_mean")
REFERENCE = {"base": (0, (1, 1)), "oracle": (0, (4, 2))}  # lines across every panel
UNITS = {False: "% (up is better)", True: "% points (down is fairer)"}


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Accuracy and gap on test of what nothing was fitted to, for all shardings; `family` is empty
    for accuracy.

    An ensemble of one shard and slice is the oracle, and left out where it would be alone with its
    number of slices.
    """
    now = newest(over_seeds(metrics), settings)
    now = now[
        (now["set"] == "test")
        & now["method"].isin(UNFITTED)
        & now["metric"].isin(["accuracy", "equalized_odds_max"])
    ]
    teachers = now["method"].isin(of_teachers())
    unsliced = [
        name for name in now.loc[teachers, "shards"].unique() if parse_sharding(name)[1] == 1
    ]
    if unsliced == ["1x1"] and not teachers.all():
        now = now[~teachers | (now["shards"] != "1x1")]
    families = ["", *dict.fromkeys([*settings["families"], *sorted(now["group"].unique())])][
        : MOST_FAMILIES + 1
    ]
    columns = ["group", "method", "shards", "value", "ci_low", "ci_high", "n", "seeds"]
    chosen = now[columns].rename(columns={"group": "family"})
    by_shards = sorted(chosen["shards"].unique(), key=parse_sharding)
    return in_order(chosen, family=dict.fromkeys(families), method=UNFITTED, shards=by_shards)


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: family ('' for accuracy), method, shards, value, ci_low, ci_high, n, seeds. A panel
    for accuracy and one for each family, by number of slices."""
    S, R = zip(*map(parse_sharding, frame["shards"]), strict=True)
    frame = frame.assign(S=S, R=R)
    ensembles = frame["method"].isin(of_teachers())
    families = list(frame["family"].unique())
    slices = sorted(frame.loc[ensembles, "R"].unique()) or [1]
    columns = min(common.WIDE, len(families) if len(slices) == 1 else len(slices))
    cells = [(family, r) for family in families for r in slices]
    rows = -(-len(cells) // columns)
    made, axes = common.figure(style, 0.8 + rows * (2.3 if rows == 1 else 1.9), rows, columns)
    inches = made.get_figwidth() / columns - 0.35
    for number, (place, (family, r)) in enumerate(zip(axes.flat, cells, strict=False)):
        part = frame[frame["family"] == family]
        panel(place, part[part["method"].isin(REFERENCE) | (part["R"] == r)])
        name = f"Gap, {common.words(family)}" if len(families) > 2 else "Gap"
        name = common.wrapped(name, inches, 9.5, 1) if family else "Accuracy"
        common.title(place, f"{name}: {r} {'slice' if r == 1 else 'slices'}", inches)
        low, high = (
            part[["value", "ci_low"]].min(axis=None),
            part[["value", "ci_high"]].max(axis=None),
        )
        place.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
        if family:
            common.from_zero(place, "y")
        common.percent(place.yaxis)
        if number % columns == 0 or cells[number - 1][0] != family:
            place.set_ylabel(UNITS[bool(family)])
        if number + columns >= len(cells):
            place.set_xlabel("Number of shards")
    for place in axes.flat[len(cells) :]:
        place.set_axis_off()
    methods = in_method_order(frame["method"])
    common.legend(made, [handle(method) for method in methods], columns=4)
    return made


def panel(place, frame: pd.DataFrame) -> None:
    """The ensembles of one number of slices, and the single models as lines to compare with."""
    for line in frame[frame["method"].isin(REFERENCE)].itertuples():
        colour = common.look(line.method).colour
        place.axhline(line.value, color=colour, linewidth=0.9, linestyle=REFERENCE[line.method])
        place.axhspan(line.ci_low, line.ci_high, color=colour, alpha=0.08, linewidth=0)
    frame = frame[~frame["method"].isin(REFERENCE)].sort_values("S")
    counts, methods = sorted(frame["S"].unique()), list(frame["method"].unique())
    for number, method in enumerate(methods):
        points = frame[frame["method"] == method]
        at = common.positions(points["S"], counts) + 2 * common.nudge(number, len(methods))
        common.mark(
            place, method, at, points["value"], "-", yerr=common.whiskers(points), linewidth=1.1
        )
    place.set_xticks(range(len(counts)), [str(count) for count in counts])
    place.set_xlim(-0.5, max(len(counts), 1) - 0.5)
    place.grid(axis="x", visible=False)


def handle(method: str) -> Line2D:
    if method not in REFERENCE:
        return common.method_handle(method)
    way, text = common.look(method), method_of(method).label
    return Line2D([], [], color=way.colour, linewidth=0.9, linestyle=REFERENCE[method], label=text)


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"test records": frame["n"]})
