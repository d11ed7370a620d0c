"""KLOM by hand, and what holds of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from palimpsest.metrics.margins import LEAST, klom, klom_per_text, margins
from palimpsest.randomness import numpy_generator


def test_margins_by_hand():
    assert margins([0.5, 0.75]) == pytest.approx([0, math.log(3)])
    assert margins([0.0, 1.0]) == pytest.approx([-math.log(1e6 - 1), math.log(1e6 - 1)])


def test_klom_by_hand():
    """Margins 0 and 2 of the oracles: mean 1, variance 2. Of a model 1 and 5: mean 3, variance 8:
    log 2 + (2 + 4) / 16 - 1/2. Of one that is the same: 0."""
    oracle, model = [[0.0, 0.0], [2.0, 2.0]], [[0.0, 1.0], [2.0, 5.0]]
    wanted = math.log(2) + 6 / 16 - 0.5
    assert klom_per_text(oracle, model) == pytest.approx([0, wanted])
    assert klom(oracle, model) == pytest.approx(wanted / 2)
    assert klom(oracle, model, np.array([[0.0, 3.0], [1.0, 1.0]])) == pytest.approx(
        [wanted, wanted / 2]
    )


def test_seeds_that_end_alike_have_a_least_deviation():
    """One nat apart, with no spread: (1 / 0.05)^2 / 2."""
    assert klom_per_text([[1.0], [1.0]], [[2.0], [2.0]]) == pytest.approx([0.5 / LEAST**2])


def test_it_is_the_divergence_of_two_normal_distributions():
    """Against a sum over a fine grid; order and number of seeds do not matter but by their
    moments."""
    draw = numpy_generator("klom")
    oracle, model = draw.normal(0, 1, (5, 3)), draw.normal(1, 2, (4, 3))
    grid = np.linspace(-20, 20, 200_001)
    for text, found in enumerate(klom_per_text(oracle, model)):
        log_p, log_q = (
            -((grid - one.mean()) ** 2) / 2 / one.var(ddof=1) - np.log(one.std(ddof=1))
            for one in (oracle[:, text], model[:, text])
        )
        p = np.exp(log_p)
        assert found == pytest.approx((p * (log_p - log_q)).sum() / p.sum(), rel=1e-6)
    assert klom_per_text(oracle[::-1], model) == pytest.approx(klom_per_text(oracle, model))


@pytest.mark.parametrize(
    ("oracle", "model"), [([[1.0]], [[1.0], [2.0]]), ([[1.0], [2.0]], [[1.0, 2.0], [1.0, 2.0]])]
)
def test_one_seed_or_other_texts_are_refused(oracle, model):
    with pytest.raises(ValueError, match="two seeds|margins must be"):
        klom_per_text(oracle, model)
