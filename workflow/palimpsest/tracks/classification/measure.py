"""Decisions -> numbers: utility, fairness, and agreement with the oracle, each with a bootstrap
interval over records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from palimpsest.data.groups import UNGROUPED, check_calibration
from palimpsest.data.ledger import START
from palimpsest.data.storage import read_parquet
from palimpsest.files import read_json
from palimpsest.metrics import agreement, classification, divergence, fairness
from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.metrics.inputs import weighted_mean
from palimpsest.randomness import numpy_generator
from palimpsest.report.tables import row
from palimpsest.tracks.measured import Given, Measured, whose

UTILITY = (
    classification.accuracy,
    classification.balanced_accuracy,
    classification.macro_f1,
    classification.micro_f1,
)
GAPS = (
    fairness.equalized_odds_max,
    fairness.equalized_odds_mean,
    fairness.equalized_odds_ratio,
    fairness.equal_opportunity,
    fairness.equal_opportunity_ratio,
    fairness.demographic_parity,
    fairness.demographic_parity_ratio,
    fairness.worst_group_accuracy,
)
RATES = {"tpr": "tpr", "fpr": "fpr", "positive_rate": "positive_rate", "group_accuracy": "accuracy"}


def measure(given: Given, settings: dict) -> Measured:
    """settings: also `families`, `classes`, and the costs of `fairness`.

    The group of a row is a family ('religion') for gaps, a family and value ('religion=targeted')
    for rates, and for the utility of a fitted method the family that it was fitted on.

    On the records that a method was fitted on, its gaps have no interval: the fit decided them, and
    resampling under the same rule does not show how they would vary. It does show how large cost
    and gap get by chance alone in as many records as are held out: rows `cost_by_chance` and
    `gap_by_chance`.
    """
    index = given.index.set_index("record_id")
    (decisions,) = map(read_parquet, given["decisions"])
    after = "" if settings["state"] == START else settings["state"]
    check_calibration(
        index.loc[decisions["record_id"].unique()],
        sorted(set(decisions["fitted_on"]) - {""}),
        splits=("valid", "test"),
        after=after,
    )
    oracle = [read_parquet(path).set_index("record_id") for path in given["oracle/decisions"]]
    records = decisions.groupby("split")["record_id"].nunique()
    fitted, held_out = records.get("valid", 0), records.get("test", 0)
    rows = []
    for (sharding, fitted_on, split), part in decisions.groupby(
        ["sharding", "fitted_on", "split"], sort=True
    ):
        numbers = Numbers(whose(settings, sharding), split, settings)
        facts = index.loc[part["record_id"]]
        rows += numbers.utility(part, facts["label"].to_numpy(), fitted_on)
        on_fitted = fitted_on != "" and split == "valid"
        for family in [fitted_on] if fitted_on else settings["families"]:
            grouped = (facts[family] != UNGROUPED).to_numpy()
            if not grouped.any():
                continue
            labels = facts.loc[grouped, "label"].to_numpy()
            of_family = part[grouped], labels, facts.loc[grouped, family].to_numpy(dtype=str)
            if settings["classes"] > 2:
                rows += numbers.accuracies(*of_family, family)
            else:
                rows += numbers.fairness(*of_family, family, on_fitted)
        if on_fitted and held_out:
            rows += numbers.by_chance(
                part,
                facts["label"].to_numpy(),
                facts[fitted_on].to_numpy(dtype=str),
                fitted_on,
                held_out,
            )
        for decided in oracle:
            rows += numbers.agreement(part, decided.loc[part["record_id"]], fitted_on)
    (rules,) = map(read_json, given["rules"])
    rows += _of_the_fit(rules, settings, fitted)
    return Measured(rows)


class Numbers:
    """Metrics of one method on one set; all share the same bootstrap samples, also across seeds and
    methods."""

    def __init__(self, where: dict, split: str, settings: dict):
        self.where, self.split, self.settings = where, split, settings

    def _row(self, metric: str, n: int, function: Callable, group: str) -> dict:
        """function(weights) -> value or replicates."""
        spread = interval(function(self.samples(n)), self.settings["level"])
        return row(self.where, self.split, metric, function(None), n, spread, group)

    def samples(self, n: int) -> np.ndarray:
        return _samples(n, self.settings["bootstrap"], self.settings["study"], self.split)

    def utility(self, part: pd.DataFrame, labels: np.ndarray, group: str) -> Iterator[dict]:
        decided, score = _columns(part, "decision"), _columns(part, "score")
        for function in UTILITY:
            yield self._row(
                function.__name__, len(labels), lambda w, f=function: f(labels, decided, w), group
            )
        yield self._row("auroc", len(labels), lambda w: _auroc(labels, score, w), group)
        if self.settings["classes"] == 2:
            cost = self._cost(labels, decided[:, 1])
            yield self._row("fit_cost", len(labels), lambda w: weighted_mean(cost, w), group)

    def _cost(self, labels: np.ndarray, positive: np.ndarray) -> np.ndarray:
        return np.where(
            labels == 1,
            self.settings["cost_fn"] * (1 - positive),
            self.settings["cost_fp"] * positive,
        )

    def by_chance(
        self, part: pd.DataFrame, labels: np.ndarray, groups: np.ndarray, family: str, held_out: int
    ) -> Iterator[dict]:
        """Upper ends of the intervals over samples of ``held_out`` of the fitted records: a rule
        that did not overfit seldom exceeds them on others."""
        positive = _columns(part, "decision")[:, 1]
        generator = numpy_generator(self.settings["study"], "bootstrap", "chance")
        weights = bootstrap_weights(
            len(labels), self.settings["bootstrap"], generator, draws=held_out
        )
        cost = weighted_mean(self._cost(labels, positive), weights)
        gap = fairness.equalized_odds_max(labels, positive, groups, weights)
        for metric, replicates in (("cost_by_chance", cost), ("gap_by_chance", gap)):
            yield row(
                self.where,
                self.split,
                metric,
                interval(replicates, self.settings["level"])[1],
                len(labels),
                group=family,
            )

    def fairness(
        self,
        part: pd.DataFrame,
        labels: np.ndarray,
        groups: np.ndarray,
        family: str,
        on_fitted: bool,
    ) -> Iterator[dict]:
        """``on_fitted``: these are the records that the method was fitted on. What is not defined,
        as the gap of a family in which a group lacks a label, has no row."""
        positive = _columns(part, "decision")[:, 1]
        for function in GAPS:
            if np.isnan(function(labels, positive, groups)):
                logging.warning(
                    "%s of %s is not defined on %s: a group lacks a label, or is alone, or all "
                    "rates are 0",
                    function.__name__, family, self.split,
                )  # fmt: skip
            elif on_fitted:
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
        yield from self._rates(RATES, labels, positive, groups, family)

    def accuracies(
        self, part: pd.DataFrame, labels: np.ndarray, groups: np.ndarray, family: str
    ) -> Iterator[dict]:
        """Of more than two classes: accuracy by group, and the lowest. To decide rightly is here
        what to decide 1 is of records that all have label 1."""
        right = _columns(part, "decision")[np.arange(len(labels)), labels]
        ones = np.ones(len(labels), dtype=np.int64)
        yield self._row(
            "worst_group_accuracy",
            len(labels),
            lambda w: fairness.worst_group_accuracy(ones, right, groups, w),
            family,
        )
        yield from self._rates({"group_accuracy": "accuracy"}, ones, right, groups, family)

    def _rates(
        self,
        rates: dict[str, str],
        labels: np.ndarray,
        positive: np.ndarray,
        groups: np.ndarray,
        family: str,
    ) -> Iterator[dict]:
        """Rates of each group, by metric; rates: metric -> field of GroupRates."""
        point = fairness.group_rates(labels, positive, groups)
        spread = fairness.group_rates(labels, positive, groups, self.samples(len(labels)))
        counted = {"tpr": labels == 1, "fpr": labels == 0}  # of the others all
        for metric, field in rates.items():
            lows, highs = interval(getattr(spread, field), self.settings["level"])
            for number, name in enumerate(point.names):
                n = int(((groups == name) & counted.get(metric, True)).sum())
                value = getattr(point, field)[number]
                if np.isnan(value):
                    continue
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
        and the reversed divergence are infinite, and have no row, where one score is 0 and the
        other is not, as with shares of a vote and with post-processors."""
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
    """NaN where there are too few records of a class to tell."""
    if score.shape[1] == 2:
        if not classification.can_tell(*np.bincount(labels, minlength=2).tolist()):
            return np.full(np.shape(weights)[:1] if np.ndim(weights) > 1 else (), np.nan)[()]
        return classification.auroc(labels, score[:, 1], weights)
    return classification.macro_auroc(labels, score, weights)


def _of_the_fit(rules: list[dict], settings: dict, fitted: int) -> Iterator[dict]:
    """Numbers of the fit itself, on its ``fitted`` records: share of random decisions, patterns per
    record."""
    for entry in rules:
        where = whose(settings, entry["sharding"])
        for metric in ("random_share", "patterns_per_record"):
            if metric in entry["facts"]:
                yield row(
                    where, "valid", metric, entry["facts"][metric], fitted, group=entry["fitted_on"]
                )
