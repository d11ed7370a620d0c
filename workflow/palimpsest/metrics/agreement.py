"""How far two models decide alike: a method and the oracle, record by record.

Both take (n, C) distributions over the same classes for the same n records, and ``weights``: None,
(n,) or (B, n).
"""

from __future__ import annotations

import numpy as np

from palimpsest.metrics.inputs import distributions, weighted_mean


def agreement(decisions_a, decisions_b, weights=None):
    """Probability that two independent draws decide equally, () or (B,); [0, 1], up.

    sum_c a[c] b[c], averaged: the share of equal decisions where both rules are deterministic (one
    minus the disagreement of Fort et al. 2019). A randomised rule does not agree fully even with
    itself.
    """
    a, b = _pair(decisions_a, decisions_b)
    return weighted_mean((a * b).sum(axis=1), weights)


def jensen_shannon(p, q, weights=None):
    """Mean Jensen-Shannon divergence in nats, () or (B,); [0, log 2], down. Lin 1991, with equal
    weights.

    JSD(p, q) = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2, and 0 log 0 = 0.
    """
    p, q = _pair(p, q)
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    # rounding alone leaves the range
    return weighted_mean(np.clip(divergence, 0, np.log(2)), weights)


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """KL(p || q) by row, (n,); q = (p + something) / 2, so q is 0 only where p is, or where p / 2
    underflows."""
    quotient = np.divide(p, q, out=np.ones_like(p), where=(p > 0) & (q > 0))
    return (p * np.log(quotient)).sum(axis=1)


def _pair(a, b) -> tuple[np.ndarray, np.ndarray]:
    a, b = distributions(a), distributions(b)
    if a.shape != b.shape:
        raise ValueError(
            f"both models must give the same records and classes, not {a.shape} and {b.shape}"
        )
    return a, b
