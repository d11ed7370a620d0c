"""Loss-based membership inference: values by hand, parity with the Mann-Whitney statistic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from palimpsest.metrics.bootstrap import bootstrap_weights
from palimpsest.metrics.membership import loss_auroc
from palimpsest.randomness import numpy_generator


def test_value_by_hand():
    """Members lose 1 2, others 2 3 4. Member 1 is below all three, member 2 below two and ties with one: (3 + 2.5) / 6.

    Weight 2 on member 2, weight 4 on the other at 2: (1 * 6 + 2 * (2 + 4/2)) / (3 * 6) = 14/18.
    """
    assert loss_auroc([1, 2], [2, 3, 4]) == pytest.approx(5.5 / 6)
    assert loss_auroc([1, 2], [2, 3, 4], [1, 2], [4, 1, 1]) == pytest.approx(14 / 18)


def test_what_the_ends_and_the_middle_mean():
    """Learnt by heart: 1. Pushed above everybody, which betrays just as much: 0. Indistinguishable: 1/2."""
    assert loss_auroc([0.1, 0.2], [1, 2]) == 1
    assert loss_auroc([5, np.inf], [1, 2]) == 0
    assert loss_auroc([1, 2, 3], [1, 2, 3]) == 0.5


def test_parity_with_mann_whitney():
    rng = numpy_generator("membership")
    members, others = np.round(rng.exponential(1, 60), 1), np.round(rng.exponential(2, 90), 1)
    expected = mannwhitneyu(others, members).statistic / (60 * 90)
    assert 0.5 < expected < 1
    assert loss_auroc(members, others) == pytest.approx(expected, rel=1e-12)


def test_both_samples_are_resampled_or_only_one():
    rng = numpy_generator("membership bootstrap")
    members, others = np.round(rng.exponential(1, 30), 1), np.round(rng.exponential(2, 40), 1)
    first, second = bootstrap_weights(30, 8, rng), bootstrap_weights(40, 8, rng)
    both = [loss_auroc(np.repeat(members, a.astype(int)), np.repeat(others, b.astype(int))) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(loss_auroc(members, others, first, second), both, rtol=1e-12)
    alone = [loss_auroc(members, np.repeat(others, b.astype(int))) for b in second]
    np.testing.assert_allclose(loss_auroc(members, others, nonmember_weights=second), alone, rtol=1e-12)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        loss_auroc([1, np.nan], [2, 3])
    with pytest.raises(ValueError, match="no records"):
        loss_auroc([], [2, 3])
    with pytest.raises(ValueError, match="weights"):
        loss_auroc([1, 2], [2, 3, 4], [1, 1, 1])
