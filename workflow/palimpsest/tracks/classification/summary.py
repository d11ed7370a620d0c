"""What classifiers decide: a table a family of groups, then post-processors fitted against held
out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from palimpsest.cells import lookup, retrained, sharding, shown
from palimpsest.data.shards import parse_sharding
from palimpsest.methods.shown import in_method_order, is_method, method_of
from palimpsest.selections import in_order, newest
from palimpsest.summary import Section

SCOPE = "test records, "
ATTACKED: dict[str, tuple[str, str]] = {}
# Vote patterns, counted in each group, over fitted records. Simulations of post-processed ensembles
# (S to 31, 20,000 to 1 million records) held out as fitted below 1 pattern in 300 records, fell
# apart above 1 in 20, and did either between.
FINE, TOO_FINE = 1 / 300, 1 / 20
DECIDED = ("accuracy", "equalized_odds_max", "tpr", "fpr")  # equal where all decisions are


def sections(metrics: pd.DataFrame, settings: dict) -> Iterator[Section]:
    """What the newest state says about test records."""
    now = newest(metrics, settings)
    compared = sorted(set(now.loc[now["metric"] == "equalized_odds_max", "group"]))
    for family in dict.fromkeys([*settings["families"], *compared]) or [""]:
        heading = f"Groups: {_words(family)}" if family else "All methods"
        yield Section(heading, "", results(now, family))
    if settings["families"]:
        yield fitted_or_held_out(now, settings["families"])


def _evaluated(now: pd.DataFrame) -> pd.DataFrame:
    """method and shards of all that decides, in the order of the dict of methods; of equal single
    models only the first.

    With one shard and slice there is one teacher: the oracle, and nothing to vote or aggregate.
    """
    pairs = now.loc[
        (now["set"] == "test") & now["method"].map(is_method), ["method", "shards"]
    ].drop_duplicates()
    pairs = in_order(
        pairs,
        method=in_method_order(pairs["method"]),
        shards=sorted(pairs["shards"].unique(), key=parse_sharding),
    )
    kept: list[tuple[bool, pd.Series]] = []
    twins = []
    for method, shards in pairs.itertuples(index=False):
        if parse_sharding(shards) != (1, 1):
            continue
        said = now[
            (now["method"] == method) & (now["shards"] == shards) & now["metric"].isin(DECIDED)
        ]
        mine = (
            method_of(method).fitted,
            said.set_index(["set", "metric", "group"])["value"].sort_index(),
        )
        if method_of(method).needs == "teachers" and any(_equal(mine, other) for other in kept):
            twins.append((method, shards))
        kept.append(mine)
    return pairs[
        [pair not in twins for pair in pairs.itertuples(index=False, name=None)]
    ].reset_index(drop=True)


def _equal(one: tuple[bool, pd.Series], other: tuple[bool, pd.Series]) -> bool:
    return (
        one[0] == other[0]
        and one[1].index.equals(other[1].index)
        and np.allclose(one[1], other[1], rtol=0, atol=1e-9, equal_nan=True)
    )


def results(now: pd.DataFrame, family: str) -> pd.DataFrame:
    """One row a method and sharding: how well it decides, how fairly, how like the oracle, and at
    what price."""
    test, train = lookup(now, "test"), lookup(now, "train")
    rows = []
    for method, shards in _evaluated(now).itertuples(index=False):
        key = (test, method, shards, family if method_of(method).fitted else "")
        rows.append({
            "method": method_of(method).label, "shards × slices": sharding(shards),
            "accuracy": shown(*key, "accuracy"),
            "equalized-odds gap": shown(test, method, shards, family, "equalized_odds_max"),
            "AUROC": shown(*key, "auroc"), "agreement with oracle": shown(*key, "agreement"),
            "retrained share": retrained(train, method, shards),
        })  # fmt: skip
    return pd.DataFrame(rows)


def fitted_or_held_out(now: pd.DataFrame, families: list[str]) -> Section:
    """Post-processors on the records that they were fitted on (valid) and on others (test), with
    warnings."""
    valid, test = lookup(now, "valid"), lookup(now, "test")
    rows, warnings = [], []
    for family in families:
        for method, shards in _evaluated(now).itertuples(index=False):
            if (
                not method_of(method).fitted
                or (method, shards, family, "patterns_per_record") not in valid.index
            ):
                continue
            key = (method, shards, family)
            rates = valid.loc[(method, shards)].index
            groups = sum(
                metric == "tpr" and group.startswith(f"{family}=") for group, metric in rates
            )
            patterns, records = valid.loc[(*key, "patterns_per_record"), ["value", "n"]]
            numbers = {
                name: [
                    side.loc[(*key, metric), "value"]
                    for side, metric in ((valid, plain), (test, plain), (valid, chance))
                ]
                for name, plain, chance in (
                    ("cost", "fit_cost", "cost_by_chance"),
                    ("gap", "equalized_odds_max", "gap_by_chance"),
                )
            }
            bad = too_fine(
                patterns,
                patterns * records / groups,
                [(most, held_out) for _, held_out, most in numbers.values()],
            )
            rows.append(
                {
                    "groups": _words(family),
                    "method": method_of(method).label,
                    "shards × slices": sharding(shards),
                    "cost, fitted": f"{numbers['cost'][0]:.3f}",
                    "cost, by chance up to": f"{numbers['cost'][2]:.3f}",
                    "cost, held out": shown(test, *key, "fit_cost"),
                    "gap, fitted": f"{numbers['gap'][0]:.3f}",
                    "gap, by chance up to": f"{numbers['gap'][2]:.3f}",
                    "gap, held out": shown(test, *key, "equalized_odds_max"),
                    "patterns per record": f"{patterns:.4f}",
                    "random decisions": shown(valid, *key, "random_share"),
                    "too fine": "WARNING" if bad else "",
                }
            )
            if bad:
                warnings.append(
                    f"WARNING: {method_of(method).label}, {sharding(shards)}, {_words(family)}: "
                    f"{1 / patterns:.1f} fitted records for each pattern of votes and group; "
                    + "; ".join(
                        f"{name} {value:.3f} fitted, by chance up to {most:.3f}, {held_out:.3f} "
                        "held out"
                        for name, (value, held_out, most) in numbers.items()
                    )
                    + "."
                )
    text = (
        "Post-processors learn from validation records (fitted) and are judged on test records "
        "(held out); cost is the mean cost of errors. *By chance* is what samples of the fitted "
        "records, as large as the held-out set, reach by luck (the upper end of their interval). "
        "Patterns of votes, counted in each group, are called too fine for the data above 1 "
        "pattern in 20 fitted records, and from 1 in 300 on where the held-out cost or gap is "
        "higher than that. The cure is `fairness: {cells: count}` or `pooled`, fewer shards or "
        "groups, or more validation records. A rule of two patterns a group is as coarse as can be "
        "and never called too fine."
    )
    return Section("Fitted and held out", text, pd.DataFrame(rows), tuple(warnings))


def too_fine(per_record: float, per_group: float, pairs: list[tuple[float, float]]) -> bool:
    """Whether a rule has more patterns of votes than the data can tell apart; ``pairs`` are (most
    by chance, held out) of cost and of gap.

    ``per_record`` and ``per_group`` count patterns, each in each group. Two patterns a group are
    one bit of evidence, as coarse as can be.
    """
    if per_group <= 2 + 1e-6:
        return False
    return per_record > TOO_FINE or (
        per_record > FINE and any(held_out > most for most, held_out in pairs)
    )


def _words(family: str) -> str:
    return family.replace("_", " ")
