"""Resampling weights and percentile intervals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from palimpsest.metrics.bootstrap import bootstrap_weights, interval
from palimpsest.randomness import numpy_generator


def test_weights_are_multinomial_counts():
    """Each row sums to n = 50. A count has mean 1 (here within 5 standard errors) and variance 1 -
    1/n = 0.98."""
    weights = bootstrap_weights(50, 2000, numpy_generator("weights"))
    assert weights.shape == (2000, 50) and weights.dtype == np.float64
    assert (weights.sum(axis=1) == 50).all() and (weights == weights.round()).all()
    assert np.abs(weights.mean(axis=0) - 1).max() < 5 * np.sqrt(0.98 / 2000)
    assert weights.var() == pytest.approx(0.98, abs=0.02)


def test_weights_follow_the_generator():
    first, again, other = (
        bootstrap_weights(20, 5, numpy_generator("follow", name)) for name in "aab"
    )
    assert (first == again).all() and (first != other).any()


def test_fewer_draws_spread_a_mean_further():
    """100 draws of 400 records of variance 1: a standard error of 1/10, not of 1/20; rows sum to
    the draws."""
    rng = numpy_generator("fewer")
    values = rng.normal(size=400)
    values = (values - values.mean()) / values.std()
    weights = bootstrap_weights(400, 4000, rng, draws=100)
    assert (weights.sum(axis=1) == 100).all()
    assert (weights @ values / 100).std() == pytest.approx(0.1, abs=0.005)


def test_interval_of_a_mean_is_the_normal_one():
    """Mean of 400 draws of variance 1: 1.96 standard errors of 1/20 either side, estimated from
    4,000 replicates."""
    rng = numpy_generator("normal")
    values = rng.normal(size=400)
    values = (values - values.mean()) / values.std()
    low, high = interval(bootstrap_weights(400, 4000, rng) @ values / 400)
    assert low == pytest.approx(-0.098, abs=0.006) and high == pytest.approx(0.098, abs=0.006)


def test_percentiles_by_hand():
    """Of 0..100, the middle 90 % runs from 5 to 95; columns are taken apart, NaN are left out of
    each."""
    column = np.arange(101.0)
    assert interval(column, level=0.9) == (pytest.approx(5), pytest.approx(95))
    holes = np.append(column, [np.nan] * 9)
    low, high = interval(np.stack([holes, -2 * holes], axis=1), level=0.9)
    np.testing.assert_allclose(low, [5, -190])
    np.testing.assert_allclose(high, [95, -10])


def test_no_replicate_left_gives_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(interval(np.full(5, np.nan))).all()


@pytest.mark.parametrize(
    ("replicates", "ends"),
    [
        ([1.0] * 90 + [np.inf] * 10, (1, np.inf)),
        # 100 values: the upper end lies between the 97th and the 98th, of which one is infinite
        ([1.0] * 97 + [np.inf] * 3, (1, np.inf)),
        ([-np.inf] * 3 + [1.0] * 97, (-np.inf, 1)),
        # 41 values: the upper end is the 40th itself
        ([1.0] * 39 + [2.0, np.inf], (1, 2)),
        ([np.inf] * 4, (np.inf, np.inf)),
    ],
)
def test_infinite_replicates_are_the_largest_or_smallest(replicates, ends):
    assert interval(replicates) == ends


def test_level_is_a_share():
    with pytest.raises(ValueError, match="level"):
        interval(np.arange(3.0), level=95)
