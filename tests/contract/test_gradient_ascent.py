"""Gradient ascent: when it stops."""

from __future__ import annotations

import pytest

from palimpsest.methods import gradient_ascent


@pytest.mark.parametrize(
    ("accuracy", "extracted", "stops"),
    [
        (0.3, 0.05, True),
        (0.29, 0.0, True),
        (0.31, 0.05, False),
        (0.3, 0.06, False),
        (0.1, None, True),
    ],
)
def test_gradient_ascent_stops_once_the_forgotten_is_known_no_better_than_unseen_text(
    accuracy, extracted, stops
):
    """By both numbers, and by the newest that was watched; by one of them where the other is not to
    be had."""

    known = ("memorization_accuracy", "extraction_likelihood")
    now = {"forget_memorization_accuracy": accuracy, "forget_perplexity": 9.0}
    now |= {} if extracted is None else {"forget_extraction_likelihood": extracted}
    before = {
        "forget_memorization_accuracy": 0.9,
        "forget_extraction_likelihood": 0.9,
        "extra_memorization_accuracy": 0.0,
    }
    unseen = {"memorization_accuracy": 0.3, "extraction_likelihood": 0.05}
    assert gradient_ascent.stops(known, [before, now], unseen) is stops
    assert gradient_ascent.Settings().batch_size is None, "an update takes the whole forget set"
