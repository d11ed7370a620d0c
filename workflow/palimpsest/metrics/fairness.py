"""How far groups are treated differently.

``labels`` (n,) in {0, 1}; ``positive`` (n,): the probability of deciding 1, itself 0 or 1 where
nothing is drawn; ``groups`` (n,): each record's group; ``weights``: None, (n,) or (B, n). Rates of
a randomised rule are expected rates.

A group without positives has no TPR, one without negatives no FPR. In a point estimate (weights
None or (n,)) that is a UserError that names the group. In a replicate (weights (B, n)) the metric
is NaN, and ``bootstrap.interval`` leaves the replicate out: the interval is then conditional on
every group showing both labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from palimpsest.errors import Problem, UserError
from palimpsest.metrics.inputs import class_labels, ratio, record_weights


class GroupRates(NamedTuple):
    """Rates by group, each (G,) or (B, G) in the order of ``names`` (G,), which is sorted; all in
    [0, 1]."""

    names: np.ndarray
    tpr: np.ndarray  # P(decide 1 | label 1, group); up
    fpr: np.ndarray  # P(decide 1 | label 0, group); down
    positive_rate: np.ndarray  # P(decide 1 | group); match
    accuracy: np.ndarray  # P(decide the label | group); up


def group_rates(labels, positive, groups, weights=None) -> GroupRates:
    """TPR, FPR, positive rate and accuracy of every group. Hardt et al. 2016."""
    return _defined(_rates(labels, positive, groups, weights), "tpr", "fpr")


def equalized_odds_max(labels, positive, groups, weights=None):
    """Maximum over pairs of groups of max(|TPR gap|, |FPR gap|), () or (B,); [0, 1], down. Hardt et
    al. 2016."""
    rates = _several(group_rates(labels, positive, groups, weights))
    return np.maximum(np.ptp(rates.tpr, axis=-1), np.ptp(rates.fpr, axis=-1))


def equalized_odds_mean(labels, positive, groups, weights=None):
    """Mean over pairs of groups of (|TPR gap| + |FPR gap|) / 2, () or (B,); [0, 1], down.

    The gaps are those of Hardt et al. 2016. Papers average them in several ways; over pairs is the
    choice made here.
    """
    rates = _several(group_rates(labels, positive, groups, weights))
    first, second = np.triu_indices(len(rates.names), k=1)
    gaps = [np.abs(rate[..., first] - rate[..., second]) for rate in (rates.tpr, rates.fpr)]
    return (gaps[0] + gaps[1]).mean(axis=-1) / 2


def demographic_parity(labels, positive, groups, weights=None):
    """Largest minus smallest positive rate of a group, () or (B,); [0, 1], down. Dwork et al. 2012.

    The labels do not enter; they are taken so that all metrics of this file are called alike.
    """
    rates = _defined(_rates(labels, positive, groups, weights), "positive_rate")
    return np.ptp(_several(rates).positive_rate, axis=-1)


def worst_group_accuracy(labels, positive, groups, weights=None):
    """Lowest accuracy of a group, () or (B,); [0, 1], up. Sagawa et al. 2020."""
    return _defined(_rates(labels, positive, groups, weights), "accuracy").accuracy.min(axis=-1)


def _rates(labels, positive, groups, weights) -> GroupRates:
    positive, groups = np.asarray(positive, dtype=np.float64), np.asarray(groups)
    n = len(positive)
    if positive.shape != (n,) or groups.shape != (n,):
        raise ValueError(
            f"positive and groups must be (n,), not {positive.shape} and {groups.shape}"
        )
    if not ((positive >= 0) & (positive <= 1)).all():
        raise ValueError("positive must be probabilities in [0, 1]")
    labels, weights = class_labels(labels, n, 2), record_weights(weights, n)
    names, index = np.unique(groups, return_inverse=True)
    member = np.eye(len(names))[index]  # (n, G)
    with_1, with_0 = member * labels[:, None], member * (1 - labels)[:, None]
    positives, negatives = weights @ with_1, weights @ with_0  # weight by group, (..., G)
    true_positives, false_positives = (
        weights @ (with_1 * positive[:, None]),
        weights @ (with_0 * positive[:, None]),
    )
    return GroupRates(
        names=names,
        tpr=ratio(true_positives, positives),
        fpr=ratio(false_positives, negatives),
        positive_rate=ratio(true_positives + false_positives, positives + negatives),
        accuracy=ratio(true_positives + negatives - false_positives, positives + negatives),
    )


_MISSING = {
    "tpr": "record with label 1",
    "fpr": "record with label 0",
    "positive_rate": "record",
    "accuracy": "record",
}


def _defined(rates: GroupRates, *fields: str) -> GroupRates:
    """The rates; UserError if, in a point estimate, a group lacks the records that one of the
    fields needs."""
    problems = [
        Problem(
            what=f"the group's {field} is not defined: it has no {_MISSING[field]}",
            where=f"group {str(name)!r}",
            found="0",
            allowed="at least 1",
            remedy=(
                "join the group with another, leave it out of the study's groups, or measure on "
                "a larger set"
            ),
        )
        for field in fields
        if rates.tpr.ndim == 1
        for name in rates.names[np.isnan(getattr(rates, field))]
    ]
    if problems:
        raise UserError(problems)
    return rates


def _several(rates: GroupRates) -> GroupRates:
    """The rates; UserError if there are no two groups to compare."""
    if len(rates.names) < 2:
        raise UserError(
            Problem(
                what="a gap between groups needs two groups",
                where="groups of the measured set",
                found=f"only {str(rates.names[0])!r}",
                allowed="at least 2 groups",
                remedy="choose a group column or a list of terms that splits the set",
            )
        )
    return rates
