"""What classifiers decide: one table per family of groups, then post-processors on fitted and on
held-out records."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from palimpsest.report.cells import lookup, retrained, sharding, shown, too_few
from palimpsest.report.rows import newest
from palimpsest.report.shown import method_of
from palimpsest.report.summary import Section
from palimpsest.tracks.classification.evaluated import evaluated
from palimpsest.tracks.classification.findings import findings

__all__ = ["ATTACKED", "SCOPE", "findings", "sections"]

SCOPE = "test records, "
ATTACKED: dict[str, tuple[str, str]] = {}
# Vote patterns, counted in each group, per fitted record. In simulations of post-processed
# ensembles (S up to 31, 20,000 to 1 million records) held-out results were as fitted below 1
# pattern in 300 records, far off above 1 in 20, and either between.
FINE, TOO_FINE = 1 / 300, 1 / 20
FEW = 10  # records of a group and label, below which its rate is hardly known
GROUPED = ("group_accuracy", "tpr", "fpr")


def sections(metrics: pd.DataFrame, settings: dict) -> Iterator[Section]:
    """What the newest state says about test records."""
    now = newest(metrics, settings)
    measured = now.loc[now["metric"].isin(GROUPED), "group"]
    families = sorted({group.partition("=")[0] for group in measured})
    warnings = tuple(too_few(now))  # once, with the first
    for family in dict.fromkeys([*settings["families"], *families]) or [""]:
        heading = f"Groups: {_words(family)}" if family else "All methods"
        text = undefined(now, family) if family else ""
        few = tuple(rest_on_few(now, family)) if family else ()
        yield Section(heading, text, results(now, family), (*warnings, *few))
        warnings = ()
    fitted = fitted_or_held_out(now, settings["families"])
    if len(fitted.table):
        yield fitted


def undefined(now: pd.DataFrame, family: str) -> str:
    """Why the gap of a family is not defined on test records, "" where it is."""
    if not now["metric"].isin(["tpr", "fpr"]).any():
        return "The equalized-odds gap is defined for two classes; these are accuracies by group."
    test = now[(now["set"] == "test") & now["group"].str.startswith(f"{family}=")]
    having = {metric: set(test.loc[test["metric"] == metric, "group"]) for metric in GROUPED}
    names = set().union(*having.values())
    lacking = {
        label: sorted(name.partition("=")[2] for name in names - having[rate])
        for label, rate in ((1, "tpr"), (0, "fpr"))
    }
    said = [
        f"no test record of label {label} in {', '.join(map(repr, groups))}"
        for label, groups in lacking.items()
        if groups
    ] or (["all test records are in one group"] if len(names) == 1 else [])
    return f"The equalized-odds gap is not defined: {'; '.join(said)}." if said else ""


def rest_on_few(now: pd.DataFrame, family: str) -> Iterator[str]:
    """A warning where groups have few test records of a label: the gap is that of their rates."""
    rates = now[(now["set"] == "test") & now["metric"].isin(["tpr", "fpr"]) & (now["n"] < FEW)]
    rates = rates[rates["group"].str.startswith(f"{family}=")]
    sizes = rates.groupby(["group", "metric"])["n"].max()
    said = [
        f"{group.partition('=')[2]!r} {n} of label {int(metric == 'tpr')}"
        for (group, metric), n in sizes.items()
    ]
    if said:
        more = f", and {len(said) - 5} more" if len(said) > 5 else ""
        yield (
            f"WARNING: rates and gap rest on few test records: {', '.join(said[:5])}{more}. Merge "
            f"these groups with others (`groups.{family}.other`), or leave them out (`drop`)."
        )


def results(now: pd.DataFrame, family: str) -> pd.DataFrame:
    """One row per method and sharding: how well it decides, how fairly, how like the oracle, and at
    what price."""
    test, train = lookup(now, "test"), lookup(now, "train")
    gap = family == "" or now["metric"].isin(["tpr", "fpr"]).any()
    fair = (
        ("equalized-odds gap", "equalized_odds_max")
        if gap
        else ("lowest accuracy of a group", "worst_group_accuracy")
    )
    rows = []
    for method, shards in evaluated(now).itertuples(index=False):
        key = (test, method, shards, family if method_of(method).fitted else "")
        rows.append({
            "method": method_of(method).label, "shards × slices": sharding(shards),
            "accuracy": shown(*key, "accuracy"),
            fair[0]: shown(test, method, shards, family, fair[1]),
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
        for method, shards in evaluated(now).itertuples(index=False):
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
        "groups, or more validation records. A rule that knows two patterns a group is the "
        "simplest that there is, and is never called too fine."
    )
    return Section("Fitted and held out", text, pd.DataFrame(rows), tuple(warnings))


def too_fine(per_record: float, per_group: float, pairs: list[tuple[float, float]]) -> bool:
    """Whether a rule has more patterns of votes than the data can distinguish; ``pairs`` are (most
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
