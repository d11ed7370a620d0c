"""Pseudo-likelihoods by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics.pseudo import mean_probability, pseudo_perplexity


def test_tokens_are_pooled_for_perplexity_and_texts_are_averaged_for_probability():
    """Two tokens of 1/2 and 1/8, and one of 1/2: exp((log 16 + log 2) / 3) = 32^(1/3); means of
    geometric means: sqrt(1/16) = 1/4 and 1/2."""
    logp, tokens = np.log([1 / 16, 1 / 2]), [2, 1]
    assert pseudo_perplexity(logp, tokens) == pytest.approx(32 ** (1 / 3))
    assert mean_probability(logp, tokens) == pytest.approx(3 / 8)
    weights = [[3, 0], [1, 1]]
    assert pseudo_perplexity(logp, tokens, weights) == pytest.approx([4, 32 ** (1 / 3)])
    assert mean_probability(logp, tokens, weights) == pytest.approx([1 / 4, 3 / 8])
