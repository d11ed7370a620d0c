"""A randomised rule that has given error rates: for a point of the attainable region, a probability for each level.

*mix* blends the threshold rule at that FPR with a coin that ignores the votes (Hardt et al. 2016): simple, monotone
in the evidence, but most decisions become random. *window* accepts a stretch of the likelihood-ratio scale and at
most two levels are random; the price is that some of the strongest patterns are denied outright.
"""

from __future__ import annotations

import numpy as np

from palimpsest.fairness.hull import Hull

DUST = 1e-14
"""Rates closer than this are the same: a probability is set to 0 or 1 where that moves no rate by more."""


def mix(hull: Hull, x: float, y: float) -> np.ndarray:
    """Probabilities (h,): with weight w the threshold rule at FPR x, else 1 with probability x; x <= y <= U(x)."""
    top = float(hull.upper(x))
    weight = 1.0 if top - y <= DUST else max((y - x) / (top - x), 0.0)
    return weight * threshold(hull, x) + (1.0 - weight) * x


def window(hull: Hull, x: float, y: float) -> np.ndarray:
    """Probabilities (h,): the levels between FPR marks s and s + x, with s such that the TPR is y; L(x) <= y <= U(x).

    TPR(s) = U(s + x) - U(s) falls from U(x) to L(x), and is linear between the marks where s or s + x is a vertex.
    """
    at_zero = float(hull.upper(0.0))
    missing = float(hull.upper(x)) - y
    if missing <= DUST:
        return threshold(hull, x)
    if missing <= at_zero:  # the window starts inside the vertical first level
        rule = threshold(hull, x)
        rule[0] -= missing / at_zero
        return _settle(hull, rule)
    marks = np.unique(np.clip(np.concatenate((hull.fpr, hull.fpr - x)), 0.0, 1.0 - x))
    tpr = np.minimum.accumulate(hull.upper(marks + x) - hull.upper(marks))
    s = np.interp(y, tpr[::-1], marks[::-1])
    return _settle(hull, threshold(hull, s + x) - threshold(hull, s))


def threshold(hull: Hull, x: float) -> np.ndarray:
    """Probabilities (h,) of the likelihood-ratio test with FPR x: 1, then at most one fraction, then 0."""
    width = np.diff(hull.fpr)
    vertical = width == 0
    share = np.clip((x - hull.fpr[:-1]) / np.where(vertical, 1.0, width), 0.0, 1.0)
    return _settle(hull, np.where(vertical, 1.0, share))


def _settle(hull: Hull, rule: np.ndarray) -> np.ndarray:
    """Remove the dust of rounding, which would count as random decisions."""
    whole = np.rint(rule)
    moved = np.abs(rule - whole) * np.maximum(np.diff(hull.fpr), np.diff(hull.tpr))
    return np.where(moved <= DUST, whole, rule)


REALISATIONS = {"mix": mix, "window": window}
