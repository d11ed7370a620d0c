"""What each figure shows: the tidy table and the epsilon curves -> a small table a figure, which
its module of plots/ names and draws.

A selection takes (metrics, epsilon, settings): ``metrics`` the tidy table with rows of seed 'all',
``epsilon`` the curves of steps/epsilon.py (for `curves` what was watched while methods trained, for
`truth_ratio` truth ratios item by item), ``settings`` with `states` (the newest last) and
`families` (those that post-processors are fitted on). Numbers are chosen and set side by side here,
and averaged over seeds only where the tidy table has no such mean.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from palimpsest.data.shards import parse_sharding
from palimpsest.methods.shown import (
    in_method_order,
    is_method,
    method_of,
    of_teachers,
    post_processors,
)
from palimpsest.tables import ALL_SEEDS

# What a page holds; the tidy table holds the rest.
MOST_FAMILIES, MOST_GROUPS, MOST_ENSEMBLES, MOST_REQUESTS = 6, 8, 3, 6
BEFORE = ("base", "sisa_vote")  # what post-processing starts from
UNFITTED = ("base", "oracle", "sisa_vote", "sisa_mean")
# What a profile shows: (set, metric), where the study has it.
PROFILE = (
    ("forget", "probability"), ("forget", "perplexity"), ("forget", "memorization_accuracy"),
    ("forget", "extraction_strength"), ("forget", "extraction_likelihood"),
    ("forget", "rouge_l_recall"), ("forget", "truth_ratio_indifference"), ("forget", "kl"),
    ("forget", "membership_auroc"), ("forget", "membership_auroc_reference"),
    ("retain", "probability"), ("retain", "perplexity"), ("retain", "kl"),
    ("holdout", "perplexity"), ("test", "perplexity"), ("test", "truth_ratio_preference"),
    ("test", "model_utility"),
)  # fmt: skip

WATCHED = ("forget", "retain")
PLANTED = ("forget", "controls")
QUANTILES = 41


def newest(metrics: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Rows over all seeds of the newest state."""
    return metrics[(metrics["seed"] == ALL_SEEDS) & (metrics["request"] == settings["states"][-1])]


def in_order(frame: pd.DataFrame, **orders: Iterable[str]) -> pd.DataFrame:
    """Rows sorted by columns, each in the order that is given for it; values that have no place in
    it are left out."""
    places = {
        name: {value: place for place, value in enumerate(order)} for name, order in orders.items()
    }
    for name, place in places.items():
        frame = frame[frame[name].isin(place)]
    keys = pd.DataFrame(
        {name: frame[name].map(place).to_numpy() for name, place in places.items()},
        index=frame.index,
    )
    return frame.loc[keys.sort_values(list(orders), kind="stable").index].reset_index(drop=True)


def beside(frame: pd.DataFrame, metric: str, name: str) -> pd.DataFrame:
    """method, shards, group and the values of one metric as ``name``, ``name``_low,
    ``name``_high."""
    chosen = frame.loc[
        frame["metric"] == metric, ["method", "shards", "group", "value", "ci_low", "ci_high"]
    ]
    return chosen.rename(
        columns={"value": name, "ci_low": f"{name}_low", "ci_high": f"{name}_high"}
    )


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


def shardings(values: Iterable[str], most: int | None = None) -> list[str]:
    """One sharding for each number of shards, that with the fewest slices; of many, ``most`` from
    the first to the last."""
    fewest: dict[int, str] = {}
    for sharding in sorted(set(values), key=parse_sharding):
        fewest.setdefault(parse_sharding(sharding)[0], sharding)
    found = list(fewest.values())
    if most and len(found) > most:
        found = [found[place] for place in np.linspace(0, len(found) - 1, most).round().astype(int)]
    return found


def ensembles(frame: pd.DataFrame, most: int | None = MOST_ENSEMBLES) -> list[str]:
    """Shardings of more than one shard, as far as there are any: one shard is the single model in
    another name."""
    found = frame.loc[frame["method"].isin(of_teachers()), "shards"].unique()
    several = [name for name in found if parse_sharding(name)[0] > 1]
    return shardings(several or found, most)


def tradeoff(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Accuracy and gap of each method on test: single models (shards '1x1'), and ensembles of
    several shards."""
    now, families = newest(metrics, settings), settings["families"][:MOST_FAMILIES]
    now = now[now["set"] == "test"]
    pairs = with_family(beside(now, "accuracy", "accuracy"), families).merge(
        beside(now, "equalized_odds_max", "gap")
    )
    pairs = pairs.rename(columns={"group": "family"})
    chosen = pairs[~pairs["method"].isin(of_teachers()) | pairs["shards"].isin(ensembles(pairs))]
    return in_order(
        chosen,
        family=families,
        shards=sorted(chosen["shards"].unique(), key=parse_sharding),
        method=in_method_order(chosen["method"]),
    )


def groups(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """TPR and FPR of each group on test, before and after post-processing: the base, and the
    ensemble of most shards."""
    now, families = newest(metrics, settings), settings["families"][:MOST_FAMILIES]
    now = now[(now["set"] == "test") & now["metric"].isin(["tpr", "fpr"])]
    shown = in_method_order([*BEFORE, *post_processors()])
    now = now[now["method"].isin(shown)]
    now = now[~now["method"].isin(of_teachers()) | now["shards"].isin(ensembles(now, None)[-1:])]
    halves = now["group"].str.split("=", n=1)
    now = now.assign(family=halves.str[0], group=halves.str[1])[
        ["family", "group", "method", "shards", "metric", "value", "ci_low", "ci_high", "n"]
    ]
    sizes = now.groupby(["family", "group"])["n"].max()
    largest = sizes.groupby(level="family", group_keys=False).nlargest(MOST_GROUPS).index
    now = now[pd.MultiIndex.from_frame(now[["family", "group"]]).isin(largest)]
    return in_order(
        now,
        family=families,
        metric=["tpr", "fpr"],
        method=shown,
        group=sorted(now["group"].unique()),
    )


def shards(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Accuracy and gap on test of what nothing was fitted to, for all shardings; `family` is empty
    for accuracy.

    An ensemble of one shard and slice is the oracle, and left out where it would be alone with its
    number of slices.
    """
    now = newest(metrics, settings)
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
    chosen = now[["group", "method", "shards", "value", "ci_low", "ci_high"]].rename(
        columns={"group": "family"}
    )
    by_shards = sorted(chosen["shards"].unique(), key=parse_sharding)
    return in_order(chosen, family=dict.fromkeys(families), method=UNFITTED, shards=by_shards)


def cost(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Tokens trained for each request, as a share of a full retraining, each seed and all; and the
    share that is expected, over owners.

    Rows of metric `expected_curve` belong to no request. A single model is left out where there are
    others: it always trains in full.
    """
    trained = metrics[
        (metrics["metric"] == "retrained_share") & metrics["method"].isin(["oracle", "sisa"])
    ]
    recent = [name for name in settings["states"] if name in set(trained["request"])][
        -MOST_REQUESTS:
    ]
    expected = metrics[
        (metrics["metric"] == "expected_curve")
        & (metrics["seed"] == ALL_SEEDS)
        & metrics["request"].isin(recent)
    ]
    expected = (
        expected.assign(request="").sort_values("n", kind="stable").drop_duplicates(["shards", "n"])
    )
    rows = pd.concat([trained, expected])[
        ["metric", "request", "shards", "seed", "n", "value"]
    ].rename(columns={"n": "owners"})
    by_shards = sorted(rows["shards"].unique(), key=parse_sharding)
    by_shards = [name for name in by_shards if parse_sharding(name) != (1, 1)] or by_shards
    kinds = ["expected_curve", "retrained_share"]
    return in_order(
        rows,
        metric=kinds,
        request=["", *recent],
        shards=by_shards,
        seed=sorted(rows["seed"].unique()),
    )


def curve(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Cost over the allowed gap, on valid (fitted) and test (held out): mean, least and most over
    seeds."""
    families = settings["families"][:MOST_FAMILIES]
    keys = ["family", "shards", "method", "set", "eps"]
    over = epsilon[epsilon["shards"].isin(ensembles(epsilon))].groupby(keys)["cost"]
    merged = over.agg(cost="mean", cost_low="min", cost_high="max", seeds="size").reset_index()
    by_shards = sorted(merged["shards"].unique(), key=parse_sharding)
    return in_order(
        merged,
        family=families,
        shards=by_shards,
        method=in_method_order(merged["method"]),
        set=["valid", "test"],
    )


def membership(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """AUROC of telling the forgotten records from never seen ones by their loss, before and after
    each request. `who` is a sharding, whose models are trained without them, or the method that
    trained the base on; its `before` is what it started from."""
    rows = metrics[(metrics["seed"] == ALL_SEEDS) & (metrics["metric"] == "membership_auroc")]
    approximate = rows["method"].map(lambda name: is_method(name) and method_of(name).trains)
    when = rows["set"].map({"forget_before": "before", "forget": "after"})
    rows = rows.assign(when=when, who=rows["method"].where(approximate, rows["shards"]))
    chosen = rows[["request", "who", "when", "value", "ci_low", "ci_high", "n"]]
    recent = [name for name in settings["states"] if name in set(chosen["request"])][
        -MOST_REQUESTS:
    ]
    by_shards = sorted(rows.loc[~approximate, "shards"].unique(), key=parse_sharding)
    return in_order(
        chosen,
        request=recent,
        who=[*by_shards, *in_method_order(chosen["who"])],
        when=["before", "after"],
    )


def frontier(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Probability of forgotten and of retained answers after each request, of every method that
    made a model, the base and the oracle."""
    rows = metrics[
        (metrics["seed"] == ALL_SEEDS)
        & (metrics["metric"] == "probability")
        & metrics["set"].isin(["forget", "retain"])
    ]
    sides = []
    for set_ in ("forget", "retain"):
        chosen = rows.loc[rows["set"] == set_, ["request", "method", "value", "ci_low", "ci_high"]]
        sides.append(
            chosen.rename(
                columns={"value": set_, "ci_low": f"{set_}_low", "ci_high": f"{set_}_high"}
            )
        )
    joined = sides[0].merge(sides[1], on=["request", "method"])
    recent = [name for name in settings["states"] if name in set(joined["request"])][
        -MOST_REQUESTS:
    ]
    return in_order(joined, request=recent, method=in_method_order(joined["method"]))


def sequence(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Probability of all that is forgotten up to each request, and of the retained: of
    ``settings['orders']``, which says of each method whether it forgets one request after another
    (sequential) or all together (batch), and of the oracle."""
    rows = metrics[
        (metrics["seed"] == ALL_SEEDS)
        & (metrics["metric"] == "probability")
        & metrics["set"].isin(WATCHED)
    ]
    orders = {"oracle": "sequential", **settings["orders"]}
    shown = [name for name in in_method_order(rows["method"]) if name in orders]
    states = [
        name
        for name in settings["states"]
        if name in set(rows.loc[rows["set"] == "forget", "request"])
    ]
    chosen = rows.assign(order=rows["method"].map(orders))[
        ["set", "method", "order", "request", "value", "ci_low", "ci_high"]
    ]
    return in_order(chosen, set=WATCHED, method=shown, request=states)


def profile(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Numbers of PROFILE in the newest state, and how far each is from the oracle's, in units of
    how far the farthest finite one is, an infinite one no farther; perplexities in logarithms."""
    now = newest(metrics, settings)
    now = now[pd.MultiIndex.from_frame(now[["set", "metric"]]).isin(PROFILE)]
    now = now.assign(
        height=np.where(
            now["metric"] == "perplexity", np.log(now["value"].clip(lower=1)), now["value"]
        )
    )
    oracle = now[now["method"] == "oracle"].set_index(["set", "metric"])["height"].rename("oracle")
    frame = now.join(oracle, on=["set", "metric"], how="inner")
    distance = (frame["height"] - frame["oracle"]).where(frame["height"] != frame["oracle"], 0)
    column = [frame["set"], frame["metric"]]
    farthest = distance.abs().where(np.isfinite(distance), 0).groupby(column).transform("max")
    frame["distance"] = (distance / farthest.where(farthest > 0, 1)).clip(-1, 1)
    differs = frame["distance"].abs().groupby(column).transform("max") > 0
    frame = frame.loc[differs, ["method", "set", "metric", "value", "distance"]]
    order = {number: place for place, number in enumerate(PROFILE)}
    frame["place"] = [order[number] for number in zip(frame["set"], frame["metric"], strict=True)]
    return in_order(frame, method=in_method_order(frame["method"]), place=range(len(PROFILE))).drop(
        columns="place"
    )


def recovery(metrics: pd.DataFrame, watched: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """How much of the forgotten is known, of what an attack does not show, over its updates, for
    the newest request: mean of the seeds, the least and the most of them. By the label of the
    attack."""
    labels = {name: facts["label"] for name, facts in settings["attacks"].items()}
    chosen = watched[
        (watched["request"] == settings["states"][-1])
        & (watched["metric"] == "memorization_accuracy")
        & (watched["set"] == "forget")
    ]
    seeds = chosen.groupby(["attack", "method", "update"])["value"]
    found = seeds.agg(value="mean", low="min", high="max").reset_index()
    found = found.assign(attack=found["attack"].map(labels))
    return in_order(found, attack=labels.values(), method=in_method_order(found["method"]))


def curves(metrics: pd.DataFrame, watched: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Perplexity of forgotten and of retained text over the updates of each method for the newest
    request: mean of the seeds, the least and the most of them; as `oracle` what the retrained model
    has. A seed that stopped stays where it was: that model is its result."""
    chosen = watched[
        (watched["request"] == settings["states"][-1])
        & (watched["metric"] == "perplexity")
        & watched["set"].isin(WATCHED)
    ]
    seeds = (
        chosen.pivot(index=["method", "set", "update"], columns="seed", values="value")
        .groupby(["method", "set"])
        .ffill()
    )
    found = pd.DataFrame(
        {"value": seeds.mean(axis=1), "low": seeds.min(axis=1), "high": seeds.max(axis=1)}
    ).reset_index()
    now = newest(metrics, settings)
    told = now[(now["method"] == "oracle") & (now["metric"] == "perplexity")].set_index("set")[
        "value"
    ]
    found["oracle"] = found["set"].map(told)
    return in_order(
        found,
        set=WATCHED,
        method=in_method_order(found["method"]),
        update=sorted(found["update"].unique()),
    )


def canaries(metrics: pd.DataFrame, epsilon: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Exposure in the newest state over how often a secret stood in the text: of secrets that are
    to be forgotten, and of controls."""
    now = newest(metrics, settings)
    chosen = now[now["metric"].isin(["exposure", "exposure_sampled"]) & now["set"].isin(PLANTED)]
    chosen = chosen.assign(repetitions=chosen["group"].str.removeprefix("repetitions=").astype(int))
    chosen = chosen[["set", "method", "repetitions", "metric", "value", "ci_low", "ci_high", "n"]]
    return in_order(
        chosen,
        set=PLANTED,
        method=in_method_order(chosen["method"]),
        repetitions=sorted(chosen["repetitions"].unique()),
    )


def truth_ratio(metrics: pd.DataFrame, truth: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """The distribution over items of how far a true answer is preferred to false ones, in the
    newest state: quantiles, mean of the seeds."""
    now = truth[truth["request"] == settings["states"][-1]]
    shares = np.linspace(0, 1, QUANTILES)
    groups = now.groupby(["method", "set", "seed"])["preference"]
    rows = [
        (*key, share, value)
        for key, values in groups
        for share, value in zip(shares, np.quantile(values, shares), strict=True)
    ]
    found = pd.DataFrame(rows, columns=["method", "set", "seed", "share", "value"])
    found = found.groupby(["method", "set", "share"], as_index=False)["value"].mean()
    sets = [name for name in ("forget", "retain", "test") if name in set(found["set"])]
    return in_order(found, set=sets, method=in_method_order(found["method"]), share=shares.tolist())
