"""Trials of methods: their names, what is drawn for them, what of it lies at an end."""

from __future__ import annotations

import math

import pytest

from palimpsest.methods.registry import is_method, method_of
from palimpsest.methods.trials import (
    at_edges,
    drawn,
    is_reserved,
    is_trial,
    low_discrepancy,
    settings_of_trials,
    trial_name,
    tried,
)

RATE = {"low": 1.0e-5, "high": 1.0e-3, "log": True}


@pytest.mark.parametrize("method", ["npo", "npo-batch", "f_learning"])
def test_a_trial_is_a_variant_that_knows_its_method(method):
    name = trial_name(method, 12)
    assert is_method(name) and is_trial(name) and tried(name) == method
    assert method_of(name).module == method_of(method).module
    assert tried(method) == method and not is_trial(method) and not is_reserved(method)
    assert is_reserved(name) and is_reserved("base-tuning")


@pytest.mark.parametrize(
    ("given", "place", "value"),
    [
        ([0.05, 0.1, 0.5], 0.0, 0.05), ([0.05, 0.1, 0.5], 0.34, 0.1),
        ([0.05, 0.1, 0.5], 0.999, 0.5),
        ({"low": 2.0, "high": 4.0}, 0.25, 2.5),
        (RATE, 0.5, 1.0e-4), (RATE, 0.25, 3.16228e-5),  # a quarter of two powers of ten
        ({"low": 1, "high": 4}, 0.24, 1), ({"low": 1, "high": 4}, 0.26, 2),
        ({"low": 1, "high": 4}, 0.999, 4),
        ({"low": 1, "high": 9, "log": True}, 0.5, 3),  # up to 10, of which the half is 3.16
    ],
)  # fmt: skip
def test_what_stands_at_a_place_of_a_range(given, place, value):
    assert drawn(given, place) == pytest.approx(value, rel=1e-9)
    assert type(drawn(given, place)) is type(value)


def test_a_grid_is_every_combination_of_its_values():
    tuning = {"design": "grid", "trials": 4, "ranges": {"npo": {"beta": [1, 2], "alpha": [3, 4]}}}
    assert settings_of_trials("npo", tuning, "s") == [
        {"alpha": 3, "beta": 1}, {"alpha": 3, "beta": 2},
        {"alpha": 4, "beta": 1}, {"alpha": 4, "beta": 2},
    ]  # fmt: skip


@pytest.mark.parametrize("design", ["sobol", "halton"])
def test_trials_cover_the_range_and_stay_as_they_are_where_there_are_more(design):
    """Of eight points one lies in each eighth of a Sobol sequence, of Halton's in base 2 too. By
    name of study and method others are drawn."""
    eight = low_discrepancy(design, 2, 8, 5)
    assert sorted(int(8 * first) for first, _ in eight) == list(range(8))
    assert low_discrepancy(design, 2, 3, 5) == eight[:3]
    tuning = {"design": design, "trials": 4, "ranges": {"npo": {"learning_rate": RATE}}}
    rates = [one["learning_rate"] for one in settings_of_trials("npo", tuning, "s")]
    assert sorted(int(2 * (math.log10(rate) + 5)) for rate in rates) == [0, 1, 2, 3]
    assert rates == [one["learning_rate"] for one in settings_of_trials("npo", tuning, "s")]
    assert rates != [one["learning_rate"] for one in settings_of_trials("npo", tuning, "t")]


@pytest.mark.parametrize(
    ("settings", "ranges", "edges"),
    [
        ({"a": 1.19e-5}, {"a": RATE}, {"a": "lowest"}),  # 0.04 of two powers of ten
        ({"a": 2.0e-5}, {"a": RATE}, {}),  # 0.15
        ({"a": 9.0e-4}, {"a": RATE}, {"a": "highest"}),
        ({"a": 0.95, "b": 0.5}, {"a": {"low": 0, "high": 1.0}, "b": {"low": 0.0, "high": 1.0}},
         {"a": "highest"}),
        ({"a": 0.5}, {"a": [0.1, 0.3, 0.5]}, {"a": "highest"}),
        ({"a": 0.5}, {"a": [0.1, 0.5]}, {}),  # of two values one is always at an end
        ({"a": 0.1}, {"a": [0.05, 0.1, 0.5]}, {}),
        ({"a": "kl"}, {"a": ["nll", "kl"]}, {}), ({"a": True}, {"a": [True, False]}, {}),
        ({"a": 1}, {"a": [1]}, {}),
    ],
)  # fmt: skip
def test_settings_at_an_end_of_their_range_are_named(settings, ranges, edges):
    assert at_edges(settings, ranges) == edges
