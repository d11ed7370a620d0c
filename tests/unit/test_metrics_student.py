"""Quantiles of Student's t: closed forms of 1 and 2 degrees of freedom, parity with scipy."""

from __future__ import annotations

from math import pi, sqrt, tan

import pytest
from scipy.stats import t

from palimpsest.metrics.student import t_quantile


def test_closed_forms():
    """One degree is Cauchy: tan(0.95 pi / 2) = 12.706. Of two, P(|T| < x) = x / sqrt(2 + x^2) =
    0.95: x = 0.95 sqrt(2 / (1 - 0.95^2))."""
    assert (
        t_quantile(0.95, 1) == pytest.approx(tan(0.95 * pi / 2)) == pytest.approx(12.7062, abs=1e-4)
    )
    assert (
        t_quantile(0.95, 2)
        == pytest.approx(0.95 * sqrt(2 / (1 - 0.95**2)))
        == pytest.approx(4.3027, abs=1e-4)
    )


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_parity_with_scipy(level):
    for freedom in (*range(1, 12), 30, 101):
        assert t_quantile(level, freedom) == pytest.approx(
            t.ppf((1 + level) / 2, freedom), rel=1e-9
        )


def test_wrong_input_is_refused():
    for level, freedom in ((1.0, 3), (0.95, 0)):
        with pytest.raises(ValueError, match="level"):
            t_quantile(level, freedom)
