"""Decisions -> numbers: utility, fairness, and agreement with the oracle, each with a bootstrap
interval over records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.groups import check_calibration
from palimpsest.data.ledger import START
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.files import read_json
from palimpsest.metrics import agreement, classification, divergence, fairness
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.metrics.inputs import weighted_mean
from palimpsest.randomness import numpy_generator
from palimpsest.tables import row, table

UTILITY = (
    classification.accuracy,
    classification.balanced_accuracy,
    classification.macro_f1,
    classification.micro_f1,
)
GAPS = (
    fairness.equalized_odds_max,
    fairness.equalized_odds_mean,
    fairness.demographic_parity,
    fairness.worst_group_accuracy,
)
RATES = {"tpr": "tpr", "fpr": "fpr", "positive_rate": "positive_rate", "group_accuracy": "accuracy"}


def add_arguments(parser) -> None:
    parser.add_argument("--decisions", type=Path, required=True)
    parser.add_argument("--rules", type=Path, required=True)
    parser.add_argument("--oracle", type=Path, help="decisions of the oracle in the same state")
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `study`, `seed`, `method`, `state`, `families`, `classes`, `bootstrap`, `level`,
    and the costs of `fairness`.

    The group of a row is a family ('religion') for gaps, a family and value ('religion=targeted')
    for rates, and for the utility of a fitted method the family that it was fitted on.

    On the records that it was fitted on, a method's gaps have no interval: they are what the fit
    made them, and resampling under the same rule does not say how they would vary. What it does
    say, how large cost and gap get by chance alone in as many records as are held out, are rows of
    their own, `cost_by_chance` and `gap_by_chance`.
    """
    wanted = args.settings
    decisions, index = read_parquet(args.decisions), read_parquet(args.index).set_index("record_id")
    if wanted["classes"] == 2:
        after = "" if wanted["state"] == START else wanted["state"]
        check_calibration(
            index.loc[decisions["record_id"].unique()],
            wanted["families"],
            splits=("valid", "test"),
            after=after,
        )
    oracle = read_parquet(args.oracle).set_index("record_id") if args.oracle else None
    records = decisions.groupby("split")["record_id"].nunique()
    fitted, held_out = records.get("valid", 0), records.get("test", 0)
    rows = []
    for (sharding, fitted_on, split), part in decisions.groupby(
        ["sharding", "fitted_on", "split"], sort=True
    ):
        where = {key: wanted[key] for key in ("study", "seed", "method")}
        where |= {"request": wanted["state"], "shards": sharding, "model": wanted["model"]}
        measure = Measure(where, split, wanted)
        facts = index.loc[part["record_id"]]
        rows += measure.utility(part, facts["label"].to_numpy(), fitted_on)
        if wanted["classes"] == 2:
            own = fitted_on != "" and split == "valid"
            for family in [fitted_on] if fitted_on else wanted["families"]:
                rows += measure.fairness(
                    part, facts["label"].to_numpy(), facts[family].to_numpy(dtype=str), family, own
                )
            if own and held_out:
                rows += measure.by_chance(
                    part,
                    facts["label"].to_numpy(),
                    facts[fitted_on].to_numpy(dtype=str),
                    fitted_on,
                    held_out,
                )
        if oracle is not None:
            rows += measure.agreement(part, oracle.loc[part["record_id"]], fitted_on)
    rows += _facts(read_json(args.rules), wanted, fitted)
    write_parquet(table(rows), args.output)


class Measure:
    """Metrics of one method on one set; all share the same bootstrap samples, also across seeds and
    methods."""

    def __init__(self, where: dict, split: str, wanted: dict):
        self.where, self.split, self.wanted = where, split, wanted

    def _row(self, metric: str, n: int, function: Callable, group: str) -> dict:
        """function(weights) -> value or replicates."""
        spread = interval(function(self.samples(n)), self.wanted["level"])
        return row(self.where, self.split, metric, function(None), n, spread, group)

    def samples(self, n: int) -> np.ndarray:
        return _samples(n, self.wanted["bootstrap"], self.wanted["study"], self.split)

    def utility(self, part: pd.DataFrame, labels: np.ndarray, group: str) -> Iterator[dict]:
        decided, score = _columns(part, "decision"), _columns(part, "score")
        for function in UTILITY:
            yield self._row(
                function.__name__, len(labels), lambda w, f=function: f(labels, decided, w), group
            )
        yield self._row("auroc", len(labels), lambda w: _auroc(labels, score, w), group)
        if self.wanted["classes"] == 2:
            cost = self._cost(labels, decided[:, 1])
            yield self._row("fit_cost", len(labels), lambda w: weighted_mean(cost, w), group)

    def _cost(self, labels: np.ndarray, positive: np.ndarray) -> np.ndarray:
        return np.where(
            labels == 1, self.wanted["cost_fn"] * (1 - positive), self.wanted["cost_fp"] * positive
        )

    def by_chance(
        self, part: pd.DataFrame, labels: np.ndarray, groups: np.ndarray, family: str, held_out: int
    ) -> Iterator[dict]:
        """Upper ends over samples of ``held_out`` of the fitted records: a rule that learnt none by
        heart seldom shows more on others."""
        positive = _columns(part, "decision")[:, 1]
        generator = numpy_generator(self.wanted["study"], "bootstrap", "chance")
        weights = bootstrap_weights(
            len(labels), self.wanted["bootstrap"], generator, draws=held_out
        )
        cost = weighted_mean(self._cost(labels, positive), weights)
        gap = fairness.equalized_odds_max(labels, positive, groups, weights)
        for metric, replicates in (("cost_by_chance", cost), ("gap_by_chance", gap)):
            yield row(
                self.where,
                self.split,
                metric,
                interval(replicates, self.wanted["level"])[1],
                len(labels),
                group=family,
            )

    def fairness(
        self, part: pd.DataFrame, labels: np.ndarray, groups: np.ndarray, family: str, own: bool
    ) -> Iterator[dict]:
        """``own``: these are the records that the method was fitted on."""
        positive = _columns(part, "decision")[:, 1]
        for function in GAPS:
            if own:
                yield row(
                    self.where,
                    self.split,
                    function.__name__,
                    function(labels, positive, groups),
                    len(labels),
                    group=family,
                )
            else:
                yield self._row(
                    function.__name__,
                    len(labels),
                    lambda w, f=function: f(labels, positive, groups, w),
                    family,
                )
        point = fairness.group_rates(labels, positive, groups)
        spread = fairness.group_rates(labels, positive, groups, self.samples(len(labels)))
        for metric, field in RATES.items():
            lows, highs = interval(getattr(spread, field), self.wanted["level"])
            for number, name in enumerate(point.names):
                n = int((groups == name).sum())
                value = getattr(point, field)[number]
                yield row(
                    self.where,
                    self.split,
                    metric,
                    value,
                    n,
                    (lows[number], highs[number]),
                    f"{family}={name}",
                )

    def agreement(self, part: pd.DataFrame, oracle: pd.DataFrame, group: str) -> Iterator[dict]:
        """How like the oracle a method decides, and how far its scores lie from the oracle's. KL
        and the reversed divergence are infinite where one score is 0 and the other is not, as the
        shares of a vote and what a post-processor says are: then they have no row."""
        for function, kind in (
            (agreement.agreement, "decision"), (agreement.jensen_shannon, "score"),
            (divergence.kl, "score"), (divergence.jensen_shannon_reversed, "score"),
        ):  # fmt: skip
            theirs, ours = _columns(oracle, kind), _columns(part, kind)
            if np.isfinite(function(theirs, ours)):
                yield self._row(
                    function.__name__,
                    len(part),
                    lambda w, f=function, p=theirs, q=ours: f(p, q, w),
                    group,
                )


@lru_cache(maxsize=2)
def _samples(n: int, replicates: int, study: str, split: str) -> np.ndarray:
    return bootstrap_weights(n, replicates, numpy_generator(study, "bootstrap", split))


def _columns(frame: pd.DataFrame, kind: str) -> np.ndarray:
    """(n, C) values of decision_0 .. or score_0 .."""
    return frame[[name for name in frame.columns if name.startswith(f"{kind}_")]].to_numpy(
        dtype=np.float64
    )


def _auroc(labels: np.ndarray, score: np.ndarray, weights) -> np.ndarray:
    if score.shape[1] == 2:
        return classification.auroc(labels, score[:, 1], weights)
    return classification.macro_auroc(labels, score, weights)


def _facts(rules: list[dict], wanted: dict, fitted: int) -> Iterator[dict]:
    """What the fit itself says of the records that it had, ``fitted`` of them: share of random
    decisions, patterns per record."""
    for entry in rules:
        where = {key: wanted[key] for key in ("study", "seed", "method", "model")}
        where |= {"request": wanted["state"], "shards": entry["sharding"]}
        for metric in ("random_share", "patterns_per_record"):
            if metric in entry["facts"]:
                yield row(
                    where, "valid", metric, entry["facts"][metric], fitted, group=entry["fitted_on"]
                )
