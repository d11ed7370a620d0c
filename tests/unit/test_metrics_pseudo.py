"""Pseudo-likelihoods by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics.pseudo import (
    digit_exposure,
    mean_probability,
    mean_reciprocal_rank,
    pseudo_perplexity,
)


def test_tokens_are_pooled_for_perplexity_and_texts_are_averaged_for_probability():
    """Two tokens of 1/2 and 1/8, and one of 1/2: exp((log 16 + log 2) / 3) = 32^(1/3); means of
    geometric means: sqrt(1/16) = 1/4 and 1/2."""
    logp, tokens = np.log([1 / 16, 1 / 2]), [2, 1]
    assert pseudo_perplexity(logp, tokens) == pytest.approx(32 ** (1 / 3))
    assert mean_probability(logp, tokens) == pytest.approx(3 / 8)
    weights = [[3, 0], [1, 1]]
    assert pseudo_perplexity(logp, tokens, weights) == pytest.approx([4, 32 ** (1 / 3)])
    assert mean_probability(logp, tokens, weights) == pytest.approx([1 / 4, 3 / 8])


def test_ranks_are_averaged_over_tokens_and_exposure_is_that_of_a_number():
    """Ranks 1 and 2, and 4: means of 3/4 and 1/4. Of two digits rank 25 of 100; of ten digits rank
    1, all of the 10 log2 10 = 33.2 bits."""
    assert mean_reciprocal_rank([1.5, 0.25], [2, 1]) == pytest.approx(1 / 2)
    assert mean_reciprocal_rank([1.5, 0.25], [2, 1], [1, 3]) == pytest.approx(3 / 8)
    assert digit_exposure([24], [2]) == pytest.approx(2)
    assert digit_exposure([24, 0], [2, 10]) == pytest.approx((2 + 33.219281) / 2)
    assert digit_exposure([99], [2]) == 0
