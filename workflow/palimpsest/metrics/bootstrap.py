"""Intervals by resampling records. A replicate is a row of weights: how often each record was
drawn."""

from __future__ import annotations

import warnings

import numpy as np


def bootstrap_weights(
    n: int, replicates: int, generator: np.random.Generator, draws: int | None = None
) -> np.ndarray:
    """Counts (B, n) float64 of ``draws`` draws with replacement from n records; every row sums to
    them. Efron 1979.

    n draws by default; another number shows the spread of samples of that size.

    Records are drawn one by one, not by owner, and within one trained model: neither the likeness
    of an owner's records nor the spread over seeds is in the interval.
    """
    return generator.multinomial(
        n if draws is None else draws, np.full(n, 1 / n), size=replicates
    ).astype(np.float64)


def interval(replicates, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of replicates (B,) or (B, G): low and high, () or (G,). Efron 1981.

    Replicates that are NaN are left out: the metric is not defined on their sample. NaN if all are.
    Infinite ones count as the largest or smallest: an end between a finite replicate and an
    infinite one is infinite.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    ends = [(1 - level) / 2, (1 + level) / 2]
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        # the result, NaN, says so
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        between, below, above = (
            np.nanquantile(replicates, ends, axis=0, method=method)
            for method in ("linear", "lower", "higher")
        )
    # Interpolation takes inf - inf for what lies between neighbours of which one is infinite.
    infinite = np.where(np.isinf(below), below, above)
    low, high = np.where(np.isnan(between), infinite, between)
    return low[()], high[()]
