"""Accuracy against equalized-odds gap: what each method pays for how much fairness. One row per
family of groups, one column for the single models and one for each ensemble."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from palimpsest.data.shards import parse_sharding
from palimpsest.plots import style as common
from palimpsest.plots.choice import MOST_FAMILIES, ensembles, over_seeds
from palimpsest.report.rows import in_order, newest
from palimpsest.report.shown import in_method_order, of_teachers

SINGLE = ""  # stands for no ensemble


def columns_of(frame: pd.DataFrame, metric: str, name: str) -> pd.DataFrame:
    """method, shards, group, n, seeds and the values of one metric as ``name``, ``name``_low,
    ``name``_high."""
    columns = ["method", "shards", "group", "n", "seeds", "value", "ci_low", "ci_high"]
    chosen = frame.loc[frame["metric"] == metric, columns]
    return chosen.rename(
        columns={
            "value": name, "ci_low": f"{name}_low", "ci_high": f"{name}_high",
            "n": f"{name}_n", "seeds": f"{name}_seeds",
        }
    )  # fmt: skip


def with_family(frame: pd.DataFrame, families: list[str]) -> pd.DataFrame:
    """Utility by the family that it is compared in: the fitted one of a fitted method, every one of
    the others."""
    fitted = frame["group"] != ""
    each = (
        frame[~fitted]
        .drop(columns="group")
        .merge(pd.DataFrame({"group": families}, dtype=frame["group"].dtype), how="cross")
    )
    return pd.concat([frame[fitted], each], ignore_index=True)


def select(metrics: pd.DataFrame, further: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Accuracy and gap of each method on test: single models (shards '1x1'), and ensembles of
    several shards."""
    now = newest(over_seeds(metrics), settings)
    families = settings["families"][:MOST_FAMILIES]
    now = now[now["set"] == "test"]
    pairs = with_family(columns_of(now, "accuracy", "accuracy"), families).merge(
        columns_of(now, "equalized_odds_max", "gap")
    )
    for name in ("n", "seeds"):
        both = [f"accuracy_{name}", f"gap_{name}"]
        pairs = pairs.assign(**{name: pairs[both].min(axis=1)}).drop(columns=both)
    pairs = pairs.rename(columns={"group": "family"})
    chosen = pairs[~pairs["method"].isin(of_teachers()) | pairs["shards"].isin(ensembles(pairs))]
    return in_order(
        chosen,
        family=families,
        shards=sorted(chosen["shards"].unique(), key=parse_sharding),
        method=in_method_order(chosen["method"]),
    )


def draw(frame: pd.DataFrame, style: dict) -> Figure:
    """frame: family, shards, method, n, seeds, and accuracy and gap, each with _low and _high."""
    frame = frame.assign(of=frame["shards"].where(frame["method"].isin(of_teachers()), SINGLE))
    families, columns = frame["family"].unique(), [*frame["of"].unique()]
    height = 0.9 + (2.6 if len(families) == 1 else 1.85 * len(families))
    made, axes = common.figure(
        style, height, len(families), len(columns), sharey=True, sharex="row"
    )
    for row, family in zip(axes, families, strict=True):
        part = frame[frame["family"] == family]
        oracle = part[part["method"] == "oracle"]
        for place, of in zip(row, columns, strict=True):
            for method, points in part[part["of"] == of].groupby("method", sort=False):
                common.mark(
                    place,
                    method,
                    points["gap"],
                    points["accuracy"],
                    xerr=common.whiskers(points, "gap", "gap_low", "gap_high"),
                    yerr=common.whiskers(points, "accuracy", "accuracy_low", "accuracy_high"),
                )
            for mark in oracle.itertuples() if of != SINGLE else ():
                common.reference(place, mark.gap, mark.accuracy)
            words = "Single models" if of == SINGLE else common.shard_words(of)
            common.title(place, words, made.get_figwidth() / len(columns) - 0.2)
        if len(families) > 1:
            row[0].set_ylabel(common.wrapped(common.words(family), 1.6, 8, 2))
    for place in axes.flat:  # once all is drawn, for the axes are shared
        common.from_zero(place, "x")
        common.percent(place.xaxis, 3 if len(columns) > 3 else 5)
        common.percent(place.yaxis)
    made.supxlabel(
        "Equalized-odds gap between groups (percentage points; left is fairer)", fontsize=8
    )
    made.supylabel("Accuracy (% of test records; up is better)", fontsize=8)
    handles = [common.method_handle(name) for name in in_method_order(frame["method"])]
    if "oracle" in set(frame["method"]) and len(columns) > 1:
        handles.append(common.dashed_handle("where the oracle is"))
    common.legend(made, handles, columns=3)
    return made


def told(frame: pd.DataFrame) -> str:
    return common.told(frame, {"test records": frame["n"]})
