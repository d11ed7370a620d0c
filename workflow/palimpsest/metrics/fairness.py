"""How far groups are treated differently.

``labels`` (n,) in {0, 1}; ``positive`` (n,): the probability of deciding 1, itself 0 or 1 where
nothing is drawn; ``groups`` (n,): each record's group; ``weights``: None, (n,) or (B, n). Rates of
a randomised rule are expected rates.

A group without positives has no TPR, one without negatives no FPR, and a gap needs the rates of all
groups, of two at least: what is not defined is NaN. ``bootstrap.interval`` leaves such replicates
out: an interval is conditional on every group showing both labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from palimpsest.metrics.inputs import class_labels, ratio, record_weights


class GroupRates(NamedTuple):
    """Rates by group, each (G,) or (B, G) in the order of ``names`` (G,), which is sorted; all in
    [0, 1]."""

    names: np.ndarray
    tpr: np.ndarray  # P(decide 1 | label 1, group); up
    fpr: np.ndarray  # P(decide 1 | label 0, group); down
    positive_rate: np.ndarray  # P(decide 1 | group); match
    accuracy: np.ndarray  # P(decide the label | group); up


def equalized_odds_max(labels, positive, groups, weights=None):
    """Maximum over pairs of groups of max(|TPR gap|, |FPR gap|), () or (B,); [0, 1], down. Hardt et
    al. 2016."""
    rates = group_rates(labels, positive, groups, weights)
    return np.maximum(_range(rates.tpr), _range(rates.fpr))


def equalized_odds_mean(labels, positive, groups, weights=None):
    """Mean over pairs of groups of (|TPR gap| + |FPR gap|) / 2, () or (B,); [0, 1], down.

    The gaps are those of Hardt et al. 2016. Papers average them in several ways; over pairs is the
    choice made here.
    """
    rates = group_rates(labels, positive, groups, weights)
    if len(rates.names) < 2:
        return _range(rates.tpr)
    first, second = np.triu_indices(len(rates.names), k=1)
    gaps = [np.abs(rate[..., first] - rate[..., second]) for rate in (rates.tpr, rates.fpr)]
    return (gaps[0] + gaps[1]).mean(axis=-1) / 2


def demographic_parity(labels, positive, groups, weights=None):
    """Largest minus smallest positive rate of a group, () or (B,); [0, 1], down. Dwork et al. 2012.

    The labels do not enter; they are taken so that all metrics of this file are called alike.
    """
    return _range(group_rates(labels, positive, groups, weights).positive_rate)


def equal_opportunity(labels, positive, groups, weights=None):
    """Largest minus smallest TPR of a group, () or (B,); [0, 1], down. Hardt et al. 2016."""
    return _range(group_rates(labels, positive, groups, weights).tpr)


def equal_opportunity_ratio(labels, positive, groups, weights=None):
    """Smallest over largest TPR of a group, () or (B,); [0, 1], up. As in fairlearn."""
    return _quotient(group_rates(labels, positive, groups, weights).tpr)


def equalized_odds_ratio(labels, positive, groups, weights=None):
    """The lower of the quotients of TPR and of FPR, each of the smallest over the largest of a
    group, () or (B,); [0, 1], up. As in fairlearn. It is near 0 wherever few are accused wrongly,
    of one group fewer still: read it beside the gaps."""
    rates = group_rates(labels, positive, groups, weights)
    return np.minimum(_quotient(rates.tpr), _quotient(rates.fpr))


def demographic_parity_ratio(labels, positive, groups, weights=None):
    """Smallest over largest positive rate of a group, () or (B,); [0, 1], up. The four-fifths rule
    (Feldman et al. 2015) asks for 0.8."""
    return _quotient(group_rates(labels, positive, groups, weights).positive_rate)


def worst_group_accuracy(labels, positive, groups, weights=None):
    """Lowest accuracy of a group, () or (B,); [0, 1], up. Sagawa et al. 2020."""
    return group_rates(labels, positive, groups, weights).accuracy.min(axis=-1)


def group_rates(labels, positive, groups, weights=None) -> GroupRates:
    """TPR, FPR, positive rate and accuracy of every group. Hardt et al. 2016."""
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
    true_positives = weights @ (with_1 * positive[:, None])
    false_positives = weights @ (with_0 * positive[:, None])
    return GroupRates(
        names=names,
        tpr=ratio(true_positives, positives),
        fpr=ratio(false_positives, negatives),
        positive_rate=ratio(true_positives + false_positives, positives + negatives),
        accuracy=ratio(true_positives + negatives - false_positives, positives + negatives),
    )


def _range(rates: np.ndarray) -> np.ndarray:
    """Largest minus smallest of a rate (G,) or (B, G); NaN unless there are two groups or more."""
    return np.ptp(rates, axis=-1) if rates.shape[-1] > 1 else np.full(rates.shape[:-1], np.nan)[()]


def _quotient(rates: np.ndarray) -> np.ndarray:
    """Smallest over largest of a rate (G,) or (B, G); NaN where ``_range`` is, and where all are
    0."""
    largest = rates.max(axis=-1)
    return ratio(rates.min(axis=-1), np.where(np.isnan(_range(rates)), np.nan, largest))
