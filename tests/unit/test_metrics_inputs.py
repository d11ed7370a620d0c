"""What every metric takes: weights of any size, of which only the ratios matter."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics.classification import accuracy, macro_f1
from palimpsest.metrics.inputs import ratio, weighted_mean


def test_small_weights_are_weights():
    """(1/8 1 + 1/8 5) / (1/4) is 3, however small; of no weight there is no mean."""
    values = np.array([1.0, 5.0])
    assert weighted_mean(values, [0.125, 0.125]) == weighted_mean(values, [1e-9, 1e-9]) == 3
    assert np.isnan(weighted_mean(values, [0, 0]))
    assert accuracy([0, 1], [[1, 0], [1, 0]], [0.3, 0.1]) == pytest.approx(0.75)


def test_a_class_that_is_seldom_decided_counts():
    """Of one record of class 0, decided so with 3/4: F1 2 3/4 / (1 + 3/4) = 6/7; of class 1, which
    is never true but decided with 1/4, nothing: mean 3/7."""
    assert macro_f1([0], [[0.75, 0.25]]) == pytest.approx(3 / 7)


def test_what_has_no_cases_has_no_rate():
    found = ratio(np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.0, 0.0]))
    np.testing.assert_array_equal(found, [2, np.nan, np.nan])
