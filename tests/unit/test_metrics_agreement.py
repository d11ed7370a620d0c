"""Agreement and Jensen-Shannon divergence: values by hand, bounds, parity with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from palimpsest.metrics.agreement import agreement, jensen_shannon
from palimpsest.randomness import numpy_generator


def test_agreement_by_hand():
    """Deterministic: equal in 2 of 3. Randomised: 1/4 * 1/2 + 3/4 * 1/2 = 1/2; (1/4)^2 + (3/4)^2 =
    5/8 with itself."""
    a, b = np.eye(3)[[0, 1, 2]], np.eye(3)[[0, 2, 2]]
    assert agreement(a, b) == pytest.approx(2 / 3)
    assert agreement(a, b, [1, 2, 1]) == pytest.approx(1 / 2)
    drawn = np.array([[0.25, 0.75]])
    assert agreement(drawn, np.array([[0.5, 0.5]])) == pytest.approx(1 / 2)
    assert agreement(drawn, drawn) == pytest.approx(5 / 8)


def test_jensen_shannon_by_hand():
    """p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4): KL(p||m) = log 4/3, KL(q||m) = (log 2/3 + log 2)
    / 2 = log(4/3) / 2.

    So JSD = 3/4 log 4/3 = 0.2157...; averaged with a record of equal distributions, half of it.
    """
    p, q = np.array([[1, 0], [0.3, 0.7]]), np.array([[0.5, 0.5], [0.3, 0.7]])
    assert jensen_shannon(p, q, [1, 0]) == pytest.approx(0.75 * np.log(4 / 3))
    assert jensen_shannon(p, q) == pytest.approx(0.375 * np.log(4 / 3))


def test_jensen_shannon_reaches_its_bounds():
    p, q = np.array([[0.5, 0.5, 0, 0]]), np.array([[0, 0, 0.25, 0.75]])
    assert jensen_shannon(p, q) == pytest.approx(np.log(2)) and jensen_shannon(p, q) <= np.log(2)
    assert jensen_shannon(p, p) == 0
    # the least number: its half is 0
    assert jensen_shannon(np.array([[1, 5e-324]]), np.array([[1, 0]])) == 0


def test_jensen_shannon_parity_with_scipy():
    rng = numpy_generator("jensen shannon")
    p, q, weights = (
        rng.dirichlet(np.ones(5), 50),
        rng.dirichlet(np.ones(5), 50),
        rng.exponential(size=50),
    )
    theirs = jensenshannon(p, q, axis=1) ** 2
    assert jensen_shannon(p, q, weights) == pytest.approx(
        np.average(theirs, weights=weights), rel=1e-12
    )
    assert jensen_shannon(q, p, weights) == pytest.approx(jensen_shannon(p, q, weights), rel=1e-12)


def test_half_precision_scores_stay_in_range():
    """Rows of float16 sum to 1 only within 1e-3: a row that sums to 1.0005 is taken for the
    distribution it rounds."""
    logits = numpy_generator("half").normal(size=(100, 2)) * 3
    p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float16)
    assert 0 <= jensen_shannon(p, p[::-1]) <= np.log(2)
    assert agreement(np.array([[1.0005, 0]]), np.array([[1, 0]])) == 1


def test_records_and_classes_must_match():
    with pytest.raises(ValueError, match="same records"):
        agreement(np.eye(2), np.eye(2)[[0, 1, 1]])
