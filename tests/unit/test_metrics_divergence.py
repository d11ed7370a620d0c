"""Divergences of two models: values by hand, bounds, parity with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import rel_entr

from palimpsest.metrics import divergence as div
from palimpsest.metrics.agreement import jensen_shannon
from palimpsest.randomness import numpy_generator

P, Q = np.array([[0.5, 0.5], [0.3, 0.7]]), np.array([[0.75, 0.25], [0.3, 0.7]])


def test_kl_by_hand():
    """KL(p || q) = (log 2/3 + log 2) / 2 = log(4/3) / 2; the other way 3/4 log 3/2 + 1/4 log 1/2.
    The second record: 0."""
    np.testing.assert_allclose(div.kl_per_record(P, Q), [np.log(4 / 3) / 2, 0])
    assert div.kl(P, Q) == pytest.approx(np.log(4 / 3) / 4)
    assert div.kl(P, Q, [3, 1]) == pytest.approx(np.log(4 / 3) * 3 / 8)
    assert div.kl(Q, P, [1, 0]) == pytest.approx(0.75 * np.log(1.5) - 0.25 * np.log(2))


@pytest.mark.filterwarnings("error")
def test_kl_where_probabilities_are_zero():
    """p = (1, 0), q = (1/2, 1/2): log 2. The other way a class of q's has none of p's probability:
    inf."""
    certain, open_ = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    assert div.kl(certain, open_) == pytest.approx(np.log(2))
    assert div.kl(open_, certain) == np.inf
    assert div.kl(certain, certain) == 0
    assert div.kl(open_, np.array([[1.0, 5e-324]])) == pytest.approx(
        (np.log(0.5) - np.log(5e-324)) / 2 - np.log(2) / 2
    )


def test_reversed_jensen_shannon_by_hand():
    """p = (1/4, 3/4), q = (3/4, 1/4), m = (1/2, 1/2): KL(m || p) = KL(m || q) = (log 2 + log 2/3) /
    2 = log(4/3) / 2.

    The standard one is KL(p || m) = 1/4 log 1/2 + 3/4 log 3/2.
    """
    p, q = np.array([[0.25, 0.75]]), np.array([[0.75, 0.25]])
    assert div.jensen_shannon_reversed(p, q) == pytest.approx(np.log(4 / 3) / 2)
    assert jensen_shannon(p, q) == pytest.approx(0.75 * np.log(1.5) - 0.25 * np.log(2))


@pytest.mark.filterwarnings("error")
def test_reversed_jensen_shannon_has_no_bound():
    p, q = np.array([[1 - 1e-9, 1e-9]]), np.array([[1e-9, 1 - 1e-9]])
    assert div.jensen_shannon_reversed(p, q) > 9 > np.log(2) >= jensen_shannon(p, q)
    assert div.jensen_shannon_reversed(np.eye(2), np.eye(2)[::-1]) == np.inf
    assert div.jensen_shannon_reversed(np.eye(2), np.eye(2)) == 0


def test_parity_with_scipy_and_symmetry():
    rng = numpy_generator("divergence")
    p, q = rng.dirichlet(np.ones(5), 50), rng.dirichlet(np.ones(5), 50)
    np.testing.assert_allclose(div.kl_per_record(p, q), rel_entr(p, q).sum(axis=1), rtol=1e-9)
    m = (p + q) / 2
    expected = (rel_entr(m, p).sum(axis=1) + rel_entr(m, q).sum(axis=1)) / 2
    np.testing.assert_allclose(div.jensen_shannon_reversed_per_record(p, q), expected, rtol=1e-9)
    assert div.jensen_shannon_reversed(q, p) == pytest.approx(
        div.jensen_shannon_reversed(p, q), rel=1e-12
    )
    assert abs(div.kl(p, q) - div.kl(q, p)) > 0.01


def test_lpd_and_pdlp_by_hand():
    """Perplexities 2 -> 3, 4 -> 2, 10 -> 10: |1|/2, |2|/4, 0, mean 1/3; one of three rose. Weights
    1, 2, 1: 3/8 and 1/4."""
    before, after = [2, 4, 10], [3, 2, 10]
    assert div.lpd(before, after) == pytest.approx(1 / 3)
    assert div.lpd(before, after, [1, 2, 1]) == pytest.approx(3 / 8)
    assert div.pdlp(before, after) == pytest.approx(1 / 3)
    assert div.pdlp(before, after, [1, 2, 1]) == pytest.approx(1 / 4)
    assert div.lpd(after, before) == pytest.approx((1 / 3 + 1) / 3)  # by the first of the two


def test_the_same_model_twice():
    perplexities = numpy_generator("lpd").exponential(size=20) + 1
    assert div.lpd(perplexities, perplexities) == 0 and div.pdlp(perplexities, perplexities) == 0
    assert div.pdlp(perplexities, 1.01 * perplexities) == 1
    assert div.lpd(perplexities, 1.01 * perplexities) == pytest.approx(0.01)


@pytest.mark.filterwarnings("error")
def test_what_is_infinite_counts_only_where_it_has_weight():
    p, q = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[1, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(div.kl(p, q, [[0, 1], [1, 1]]), [0, np.inf])
    np.testing.assert_array_equal(div.lpd([1, 1], [np.inf, 3], [[0, 1], [1, 1]]), [2, np.inf])


def test_wrong_input_is_refused():
    for metric in (div.kl, div.jensen_shannon_reversed):
        with pytest.raises(ValueError, match="same records"):
            metric(np.eye(2), np.eye(2)[[0, 1, 1]])
        with pytest.raises(ValueError, match="weights"):
            metric(np.eye(2), np.eye(2), [1, 1, 1])
    for metric in (div.lpd, div.pdlp):
        with pytest.raises(ValueError, match="same texts"):
            metric([1, 2], [1, 2, 3])
        for first, second in (([np.inf], [1]), ([np.nan], [1]), ([1], [np.nan]), ([0], [1])):
            with pytest.raises(ValueError, match="positive"):
                metric(first, second)
