"""Whether a masked model works: how likely texts are to it, which says one token at a time with all
others visible (pseudo-log-likelihood, Salazar et al. 2020), and what a linear probe reads from it.
logp (n,) sums over the tokens of a text, in nats; tokens (n,) how many they are."""

from __future__ import annotations

import numpy as np

from palimpsest.metrics.inputs import ratio, record_weights, weighted_mean


def pseudo_perplexity(logp, tokens, weights=None):
    """exp of the mean negative log-likelihood over the tokens of all texts pooled, () or (B,); [1,
    inf]."""
    weights = record_weights(weights, len(logp))
    with np.errstate(over="ignore"):
        return np.exp(-ratio(weights @ np.asarray(logp), weights @ np.asarray(tokens)))


def mean_probability(logp, tokens, weights=None):
    """Mean over texts of the geometric mean of their tokens' probabilities, () or (B,); [0, 1]."""
    return weighted_mean(np.exp(np.asarray(logp) / np.asarray(tokens)), weights)


def mean_reciprocal_rank(reciprocal, tokens, weights=None):
    """Mean over texts of that over their tokens of 1 / rank among the vocabulary, of which
    reciprocal (n,) is the sum; () or (B,); [0, 1]. Wu et al. 2023."""
    return weighted_mean(np.asarray(reciprocal) / np.asarray(tokens), weights)


def digit_exposure(before, digits, weights=None):
    """Mean over numbers of d digits, (n,), of log2 10^d - log2 rank, in bits; before (n,): how many
    of the 10^d numbers stand before each, so that its rank is one more; () or (B,). Wu et al. 2023:
    the rank is composed of those of the digits, each hidden alone."""
    bits = np.asarray(digits) * np.log2(10) - np.log2(1 + np.asarray(before))
    return weighted_mean(bits, weights)


def probe_accuracy(probe, weights=None):
    """Share of sentences (n,) to whose own of two labels a linear probe gives the higher
    probability, () or (B,); [0, 1]. A tie is half right."""
    probe = np.asarray(probe, dtype=np.float64)
    return weighted_mean((probe > 0.5) + 0.5 * (probe == 0.5), weights)
