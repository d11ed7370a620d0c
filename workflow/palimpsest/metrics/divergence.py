"""How far apart the outputs of two models are. The standard Jensen-Shannon divergence is
``agreement.jensen_shannon``.

p, q (n, C): distributions over the same classes (or tokens of a vocabulary) for the same n records
(or tokens). ``weights``: None, (n,) or (B, n). A divergence over a vocabulary takes much memory:
average ``*_per_record`` of blocks of rows.
"""

from __future__ import annotations

import numpy as np

from palimpsest.metrics.inputs import distributions, record_weights, weighted_mean

# of a model's outputs from the oracle's
DIVERGENCES = ("kl", "jensen_shannon", "jensen_shannon_reversed")


def kl_per_record(p, q) -> np.ndarray:
    """KL(p || q) = sum_c p log(p / q) of each record in nats, (n,); [0, inf], inf where q is 0 and
    p is not; 0 log 0 = 0."""
    return _relative_entropy(*_pair(p, q))


def kl(p, q, weights=None):
    """Mean of KL(p || q) in nats, () or (B,); [0, inf], down. Kullback and Leibler 1951. p is the
    oracle, q the model."""
    return _mean(kl_per_record(p, q), weights)


def jensen_shannon_reversed_per_record(p, q) -> np.ndarray:
    """(KL(m || p) + KL(m || q)) / 2 with m = (p + q) / 2 of each record in nats, (n,); [0, inf]."""
    p, q = _pair(p, q)
    middle = (p + q) / 2
    return (_relative_entropy(middle, p) + _relative_entropy(middle, q)) / 2


def jensen_shannon_reversed(p, q, weights=None):
    """Mean of (KL(m || p) + KL(m || q)) / 2 in nats, () or (B,); [0, inf], down. As released with
    Wang et al. 2023 (KGA).

    It swaps the arguments of the Jensen-Shannon divergence: symmetric too, but inf where one
    distribution has a 0 that the other has not. Here the mean is over records; the released one is
    over batches, the last of which may be smaller.
    """
    return _mean(jensen_shannon_reversed_per_record(p, q), weights)


def lpd(first, second, weights=None):
    """Language model probability distance, the mean of |first - second| / first, () or (B,); [0,
    inf], down. Wang et al. 2023 (KGA).

    first, second (n,): the perplexities of each text under two models, see
    ``memorization.perplexity_per_text``. The first is the one to be close to.
    """
    first, second = _perplexities(first, second)
    return _mean(np.abs(first - second) / first, weights)


def pdlp(first, second, weights=None):
    """Share of texts of decreased language model probability, [second > first], () or (B,); [0, 1],
    match. Wang et al. 2023 (KGA).

    first, second (n,): the perplexities of each text before and after, see
    ``memorization.perplexity_per_text``.
    """
    first, second = _perplexities(first, second)
    return weighted_mean((second > first).astype(np.float64), weights)


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):  # log 0 is -inf, which makes the sum inf, as it should
        log_p, log_q = (np.log(x, out=np.zeros_like(p), where=p > 0) for x in (p, q))
    return np.maximum((p * (log_p - log_q)).sum(axis=1), 0)  # rounding alone is negative


def _mean(values: np.ndarray, weights):
    """weighted_mean of values that may be inf: such a record counts only where it has weight (0
    times inf would be NaN)."""
    weights, infinite = record_weights(weights, len(values)), np.isinf(values)
    return np.where(
        weights @ infinite > 0, np.inf, weighted_mean(np.where(infinite, 0, values), weights)
    )[()]


def _pair(p, q) -> tuple[np.ndarray, np.ndarray]:
    p, q = distributions(p), distributions(q)
    if p.shape != q.shape:
        raise ValueError(
            f"both models must give the same records and classes, not {p.shape} and {q.shape}"
        )
    return p, q


def _perplexities(first, second) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"both models must give the perplexities of the same texts, not {first.shape} and "
            f"{second.shape}"
        )
    if not (np.isfinite(first).all() and (first > 0).all() and (second > 0).all()):
        raise ValueError("perplexities must be positive, those of the first model finite")
    return first, second
