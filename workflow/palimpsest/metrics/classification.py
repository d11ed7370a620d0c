"""How often the decisions are right.

``labels`` (n,) int in 0..C-1. ``decisions`` (n, C): the probability of each decision, one-hot where
nothing is drawn; a randomised rule is measured by its expected confusion matrix, so no draw adds
noise. ``weights``: None, (n,) or (B, n).
"""

from __future__ import annotations

from math import comb

import numpy as np

from palimpsest.metrics.inputs import (
    class_labels,
    distributions,
    ratio,
    record_weights,
    weighted_mean,
)


def confusion(labels, decisions, weights=None) -> np.ndarray:
    """Expected confusion matrix (C, C) or (B, C, C): [true class, decided class], in units of
    weight.

    Range [0, total weight]; rows sum to the weight of the class.
    """
    decisions = distributions(decisions)
    n, classes = decisions.shape
    labels, weights = class_labels(labels, n, classes), record_weights(weights, n)
    rows = [weights[..., labels == c] @ decisions[labels == c] for c in range(classes)]
    return np.stack(rows, axis=-2)


def accuracy(labels, decisions, weights=None):
    """Share decided rightly, () or (B,); [0, 1], up. Sokolova and Lapalme 2009."""
    decisions = distributions(decisions)
    labels = class_labels(labels, *decisions.shape)
    return weighted_mean(decisions[np.arange(len(labels)), labels], weights)


def balanced_accuracy(labels, decisions, weights=None):
    """Mean recall over the classes that occur in the labels, () or (B,); [0, 1], up. Brodersen et
    al. 2010.

    A class without weight (rare, in a replicate) is left out of the mean, as scikit-learn does.
    """
    table = confusion(labels, decisions, weights)
    return _mean_of_defined(ratio(_diagonal(table), table.sum(axis=-1)))


def macro_f1(labels, decisions, weights=None):
    """Mean over classes of F1 = 2 TP / (2 TP + FP + FN), () or (B,); [0, 1], up.

    Sokolova and Lapalme 2009, in the form that Opitz and Burst 2019 recommend (mean of F1, not F1
    of means). A class that is neither label nor decision is left out, as scikit-learn does. A
    randomised rule: F1 of the expected counts.
    """
    table = confusion(labels, decisions, weights)
    return _mean_of_defined(ratio(2 * _diagonal(table), table.sum(axis=-1) + table.sum(axis=-2)))


def micro_f1(labels, decisions, weights=None):
    """F1 of counts pooled over classes, () or (B,); [0, 1], up. Sokolova and Lapalme 2009.

    With one label and one decision a record every error is one FP and one FN, so this is accuracy.
    """
    return accuracy(labels, decisions, weights)


def auroc(labels, scores, weights=None):
    """P(score of a positive > score of a negative) + P(equal) / 2, () or (B,); [0, 1], up. Hanley
    and McNeil 1982.

    labels (n,) in {0, 1}, scores (n,) of any scale, infinities included. Exact, by one sort. NaN
    where a class has no weight: there is no pair to compare.
    """
    scores = np.asarray(scores)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError("scores must have shape (n,) and hold no NaN")
    labels, weights = class_labels(labels, len(scores), 2), record_weights(weights, len(scores))
    order = np.argsort(scores, kind="stable")
    scores, labels, weights = scores[order], labels[order], weights[..., order]
    starts = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))  # of runs of equal scores
    positives = np.add.reduceat(weights * labels, starts, axis=-1)
    negatives = np.add.reduceat(weights * (1 - labels), starts, axis=-1)
    below = np.cumsum(negatives, axis=-1) - negatives / 2
    return ratio((positives * below).sum(axis=-1), positives.sum(axis=-1) * negatives.sum(axis=-1))


CHANCE = 0.05


def can_tell(positives: int, negatives: int) -> bool:
    """Whether an AUROC over so few records can say anything: at its best, 0 or 1, it is told from
    chance at the level of 5 %, by the exact test of Mann and Whitney 1947 (of all orders of n and m
    records, 2 in C(n + m, n) are as extreme); and there are two of each, as samples that are drawn
    from a single record have no spread. The least are 2 and 8, 3 and 5, 4 and 4."""
    few = min(positives, negatives)
    return few >= 2 and 2 / comb(positives + negatives, few) <= CHANCE


def macro_auroc(labels, probabilities, weights=None):
    """Mean over classes of the AUROC of the class against the rest, () or (B,); [0, 1], up.

    probabilities (n, C), each column a score of its class. With C = 2 the AUROC of class 1. A class
    whose AUROC is undefined (no weight, or all of it) is left out of the mean; NaN if all are.
    Provost and Domingos 2000, who weight by class size.
    """
    probabilities = np.asarray(probabilities)
    n, classes = probabilities.shape
    labels = class_labels(labels, n, classes)
    if classes == 2:  # the two areas are equal but for rounding in 1 - p, which may break ties
        return auroc(labels, probabilities[:, 1], weights)
    areas = [auroc(labels == c, probabilities[:, c], weights) for c in range(classes)]
    return _mean_of_defined(np.stack(areas, axis=-1))


def _diagonal(table: np.ndarray) -> np.ndarray:
    return np.diagonal(table, axis1=-2, axis2=-1)


def _mean_of_defined(values: np.ndarray):
    """Mean over the last axis without the NaN; NaN where all are."""
    return ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))
