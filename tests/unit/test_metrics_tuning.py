"""How good a trial is, and methods compared at equal utility: by hand."""

from __future__ import annotations

import pytest

from palimpsest.metrics.tuning import best, envelope, left, lost, matched


@pytest.mark.parametrize(
    ("value", "base", "oracle", "expected"),
    [
        (0.9, 0.9, 0.1, 1.0), (0.1, 0.9, 0.1, 0.0), (0.3, 0.9, 0.1, 0.25),
        (0.0, 0.9, 0.1, 0.125),  # less than the oracle knows is as far from it as more
        (0.5, 0.305, 0.3, 20.0),  # 0.2 over the least distance, 0.01
    ],
)  # fmt: skip
def test_what_is_left(value, base, oracle, expected):
    assert left(value, base, oracle) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "base", "expected"),
    [(0.8, 0.8, 0.0), (0.6, 0.8, 0.25), (0.9, 0.8, 0.0), (0.0, 0.8, 1.0), (0.0, 0.0, 0.0)],
)
def test_what_is_lost(value, base, expected):
    assert lost(value, base) == pytest.approx(expected)


def test_the_first_of_the_least_scores_is_chosen_and_none_of_ruined_models():
    assert best([None, 0.5, 0.3, 0.3]) == 2 and best([None, None]) is None


POINTS = [(0.4, 0.2), (0.1, 0.8), (0.2, 0.9), (0.3, 0.4), (0.5, 0.3)]


def test_trials_that_another_beats_in_both_are_left_out():
    """(0.2, 0.9) diverges more than (0.1, 0.8) and has more left; from (0.4, 0.2) on more
    divergence brings nothing."""
    assert envelope(POINTS) == [(0.1, 0.8), (0.3, 0.4), (0.4, 0.2), (0.5, 0.2)]
    assert envelope([(0.1, 0.5), (0.1, 0.3)]) == [(0.1, 0.3)] and envelope([]) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0.1, 0.8), (0.2, 0.6), (0.25, 0.5), (0.35, 0.3), (0.4, 0.2), (0.45, 0.2), (0.5, 0.2),
        (0.09, None), (0.51, None),  # nothing is extrapolated
    ],
)  # fmt: skip
def test_between_trials_it_is_linear_and_outside_of_them_nothing_is_said(at, expected):
    found = matched(POINTS, at)
    assert found is None if expected is None else found == pytest.approx(expected)


def test_one_trial_says_something_of_its_own_divergence_alone():
    assert matched([(0.2, 0.5)], 0.2) == 0.5 and matched([(0.2, 0.5)], 0.3) is None
    assert matched([], 0.1) is None


def test_no_more_is_left_where_more_divergence_is_allowed():
    values = [matched(POINTS, at / 100) for at in range(10, 51)]
    assert values == sorted(values, reverse=True)
