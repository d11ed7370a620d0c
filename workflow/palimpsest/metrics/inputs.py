"""What every metric accepts, checked in one place. A wrong shape or value is a defect of the
caller: ValueError."""

from __future__ import annotations

import numpy as np


def record_weights(weights, n: int) -> np.ndarray:
    """Weights of n records as float64, (n,) or (B, n); None weighs all alike. Only their ratios
    matter."""
    if n == 0:
        raise ValueError("no records to measure")
    if weights is None:
        return np.ones(n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim not in (1, 2) or weights.shape[-1] != n:
        raise ValueError(f"weights must have shape ({n},) or (B, {n}), not {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("weights must be finite and not negative")
    return weights


def class_labels(labels, n: int, classes: int) -> np.ndarray:
    """Labels (n,) as integers in 0..classes-1."""
    labels = np.asarray(labels)
    if labels.shape != (n,) or labels.dtype.kind not in "iub":
        raise ValueError(f"labels must be {n} integers, not {labels.dtype} of shape {labels.shape}")
    labels = labels.astype(np.int64)
    if n and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(f"labels must lie in 0..{classes - 1}, not {labels.min()}..{labels.max()}")
    return labels


def distributions(probabilities) -> np.ndarray:
    """Rows (n, C) that sum to 1 within 1e-3 (scores may be kept in half precision), as float64 rows
    that sum to 1."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(
            f"probabilities must have shape (n, C) with C >= 2, not {probabilities.shape}"
        )
    totals = probabilities.sum(axis=1, keepdims=True)
    if not ((probabilities >= 0).all() and (np.abs(totals - 1) <= 1e-3).all()):
        raise ValueError("probabilities must not be negative and must sum to 1 in every row")
    return probabilities / totals


def ratio(numerator, denominator):
    """Quotient, elementwise; NaN where the denominator is 0: what has no cases has no rate."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)[()]


def weighted_mean(values: np.ndarray, weights):
    """Mean of values (n,) -> () or (B,); NaN where all weights are 0."""
    weights = record_weights(weights, len(values))
    return ratio(weights @ values, weights.sum(axis=-1))
