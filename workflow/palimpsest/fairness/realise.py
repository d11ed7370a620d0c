"""A randomised rule that has given error rates: for a point of the attainable region, a probability
for each level.

*mix* blends the threshold rule at that FPR with a coin that ignores the votes (Hardt et al. 2016):
simple, monotone in the evidence, but most decisions become random. *window* accepts a stretch of
the likelihood-ratio scale and at most two levels are random; the price is that some of the
strongest patterns are denied outright.
"""

from __future__ import annotations

import numpy as np

from palimpsest.fairness.hull import Hull


def mix(hull: Hull, x: float, y: float) -> np.ndarray:
    """Probabilities (h,): with weight w the threshold rule at FPR x, else 1 with probability x; x
    <= y <= U(x)."""
    top = float(hull.upper(x))
    weight = 1.0 if top <= max(x, y) else max((y - x) / (top - x), 0.0)
    return weight * threshold(hull, x, top) + (1.0 - weight) * x


def window(hull: Hull, x: float, y: float) -> np.ndarray:
    """Probabilities (h,): the levels between FPR marks s and s + x, with s such that the TPR is y;
    L(x) <= y <= U(x).

    TPR(s) = U(s + x) - U(s) falls from U(x) to L(x), and is linear between the marks where s or s +
    x is a vertex.
    """
    at_zero, top = float(hull.upper(0.0)), float(hull.upper(x))
    # the window starts inside a first level without negatives, or at its foot
    if top - y <= at_zero:
        return threshold(hull, x, top) - threshold(hull, 0.0, max(top - y, 0.0))
    marks = np.unique(np.clip(np.concatenate((hull.fpr, hull.fpr - x)), 0.0, 1.0 - x))
    tpr = np.minimum.accumulate(hull.upper(marks + x) - hull.upper(marks))
    s = np.interp(y, tpr[::-1], marks[::-1])
    return threshold(hull, s + x, hull.upper(s + x)) - threshold(hull, s, hull.upper(s))


def threshold(hull: Hull, x: float, y: float) -> np.ndarray:
    """Probabilities (h,) of the likelihood-ratio test at the point (x, y) of the hull: 1, at most
    one fraction, 0.

    The point is found by x + y, which grows along steep and flat levels alike, so that rounding
    moves neither rate.
    """
    way = hull.fpr + hull.tpr
    return np.clip((x + y - way[:-1]) / np.diff(way), 0.0, 1.0)


REALISATIONS = {"mix": mix, "window": window}
