"""Methods that decide from scores: contract tests over the registry, hand-derived votes, and what
the FairSISA rules promise."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from palimpsest.ensemble.vote import majority, majority_probability, one_hot, vote_share, votes
from palimpsest.methods.decision import Calibration
from palimpsest.methods.registry import METHODS
from palimpsest.metrics.fairness import equalized_odds_max

# the others: tests/contract
DECIDING = [name for name, method in METHODS.items() if not method.trains]
FAIRNESS = {"eps": 0.0, "cost_fp": 1.0, "cost_fn": 1.0, "cells": "pattern", "realise": "mix"}


def load(name: str):
    return importlib.import_module(METHODS[name].module).decide


def population(n: int = 4000, teachers: int = 3, seed: int = 0):
    """Correlated teachers whose skill differs by group: probabilities (S, n, 2), labels, groups."""
    generator = np.random.default_rng(seed)
    groups, labels = (
        generator.choice(["a", "b", "c"], size=n, p=[0.5, 0.3, 0.2]),
        generator.integers(0, 2, size=n),
    )
    skill = np.select([groups == "a", groups == "b"], [1.6, 0.9], 0.5)
    shared = generator.normal(size=n)
    logits = (
        (2 * labels - 1) * skill
        + 0.6 * shared
        + 0.8 * generator.normal(size=(teachers, n))
        + 0.4 * (groups == "b")
    )
    positive = 1 / (1 + np.exp(-2 * logits))
    return np.stack([1 - positive, positive], axis=-1), labels, groups


@pytest.fixture(scope="module")
def data():
    return population()


def decide(name, data, fitted_rows=None, **changes):
    probabilities, labels, groups = data
    rows = np.ones(len(labels), dtype=bool) if fitted_rows is None else fitted_rows
    return load(name)(probabilities, Calibration(rows, labels, groups), FAIRNESS | changes)


def gap(name, data, **changes):
    return equalized_odds_max(data[1], decide(name, data, **changes).probability[:, 1], data[2])


def cost(name, data):
    return 1 - decide(name, data).probability[np.arange(len(data[1])), data[1]].mean()


def test_votes_by_hand():
    """Three teachers on two records: votes (1, 0, 1) and (0, 0, 1); a tie of probabilities is a
    vote for the lower class."""
    p = np.array([[[0.4, 0.6], [0.5, 0.5]], [[0.9, 0.1], [0.8, 0.2]], [[0.1, 0.9], [0.3, 0.7]]])
    assert votes(p).tolist() == [[1, 0], [0, 0], [1, 1]]
    assert majority(p).tolist() == [1, 0]
    assert vote_share(p)[0] == pytest.approx([1 / 3, 2 / 3])


def test_a_tie_goes_to_the_lowest_class():
    """Four teachers, two votes each for classes 1 and 2 of three."""
    p = one_hot(np.array([[2], [1], [1], [2]]), 3)
    assert majority(p).tolist() == [1]


def test_majority_probability_by_hand():
    """P(at least 2 of 3) with p = (1/2, 1/2, 1/4): 1/4 * 3/4 + 1/4 * 1/4 + 2 * 1/4 * 1/4 = 3/8; of
    2, both are needed: 1/4."""
    assert majority_probability(np.array([[0.5], [0.5], [0.25]])) == pytest.approx([3 / 8])
    assert majority_probability(np.array([[0.5], [0.5]])) == pytest.approx([1 / 4])


def test_majority_probability_is_never_above_one_by_rounding():
    """Near-sure votes of five teachers add up six numbers that round."""
    positive = 1 - np.random.default_rng(0).uniform(0, 1e-3, size=(5, 100_000))
    assert majority_probability(positive).max() <= 1.0


def test_majority_probability_of_sure_votes_is_the_majority(data):
    ballots = votes(data[0])
    assert majority_probability(ballots.astype(float)) == pytest.approx(
        majority(data[0]), abs=1e-12
    )


@pytest.mark.parametrize("name", DECIDING)
def test_contract_decisions_are_distributions_and_repeat(name, data):
    first, second = decide(name, data), decide(name, data)
    for values in (first.probability, first.score):
        assert values.shape == (len(data[1]), 2) and np.isfinite(values).all()
        assert (values >= 0).all() and values.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(first.probability, second.probability)


@pytest.mark.parametrize("name", DECIDING)
def test_contract_labels_of_other_records_do_not_enter(name, data):
    """What is decided must not change with labels outside the calibration rows."""
    probabilities, labels, groups = data
    rows = np.arange(len(labels)) % 2 == 0
    changed = np.where(rows, labels, 1 - labels)
    one = decide(name, data, fitted_rows=rows)
    other = decide(name, (probabilities, changed, groups), fitted_rows=rows)
    assert np.array_equal(one.probability, other.probability)


@pytest.mark.parametrize("name", DECIDING)
def test_contract_order_of_records_does_not_matter(name, data):
    order = np.random.default_rng(3).permutation(len(data[1]))
    shuffled = (data[0][:, order], data[1][order], data[2][order])
    assert decide(name, shuffled).probability == pytest.approx(
        decide(name, data).probability[order], abs=1e-9
    )


@pytest.mark.parametrize("name", [name for name in DECIDING if not METHODS[name].fitted])
def test_what_is_not_fitted_needs_no_calibration_and_draws_nothing(name, data):
    decisions = load(name)(data[0], None, FAIRNESS)
    assert set(np.unique(decisions.probability)) == {0.0, 1.0}


def test_aggregate_first_and_ensemble_are_exactly_fair_where_they_were_fitted(data):
    assert gap("sisa_vote", data) > 0.1
    assert gap("fairsisa_aggregate_first", data) < 1e-9
    assert gap("fairsisa_ensemble", data) < 1e-9


def test_fair_members_do_not_make_a_fair_vote(data):
    assert gap("fairsisa_postprocess_first", data) > 1e-3


def test_the_joint_rule_costs_least_and_fairness_has_a_price(data):
    """The joint pattern's rules contain those of the one vote; both are among the rules that
    equalized odds leaves."""
    assert cost("fairsisa_ensemble", data) <= cost("fairsisa_aggregate_first", data) + 1e-12
    assert decide("fairsisa_ensemble", data, eps=1.0).facts["fit_cost"] < cost(
        "fairsisa_ensemble", data
    )


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].fitted])
def test_fit_cost_is_the_cost_on_the_fitted_records(name, data):
    assert decide(name, data).facts["fit_cost"] == pytest.approx(cost(name, data), abs=1e-9)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].fitted])
def test_random_share_is_counted_of_the_decisions(name, data):
    """On the fitted records alone, here the first half."""
    rows = np.arange(len(data[1])) < len(data[1]) // 2
    decisions = decide(name, data, fitted_rows=rows)
    positive = decisions.probability[rows, 1]
    assert decisions.facts["random_share"] == np.mean((positive > 1e-6) & (positive < 1 - 1e-6)) > 0


def test_a_draw_that_turns_no_vote_is_not_random():
    """Two teachers always vote 0. The third is right in group a; in b it has FPR 1/3 and TPR 2/3,
    so that it has to draw in a.

    It is outvoted all the same: every decision is 0 for certain, though one of the teachers draws.
    """
    labels, groups = np.tile([0, 0, 0, 1, 1, 1], 40), np.repeat(["a", "b"], 120)
    third = np.where(groups == "a", labels, np.tile([0, 0, 1, 0, 1, 1], 40))
    ballots = np.stack([np.zeros_like(labels), np.zeros_like(labels), third])
    calibration = Calibration(np.ones(len(labels), dtype=bool), labels, groups)
    alone = load("fairsisa_aggregate_first")(one_hot(ballots[2:], 2), calibration, FAIRNESS)
    assert alone.facts["random_share"] > 0.4
    decisions = load("fairsisa_postprocess_first")(one_hot(ballots, 2), calibration, FAIRNESS)
    assert decisions.probability[:, 1].max() == decisions.facts["random_share"] == 0


@pytest.mark.parametrize("eps", [0.02, 0.1])
def test_the_allowed_gap_is_kept(data, eps):
    for name in ("fairsisa_aggregate_first", "fairsisa_ensemble"):
        assert gap(name, data, eps=eps) <= eps + 1e-9


def test_one_teacher_is_hardt_on_a_single_model(data):
    single = (data[0][:1], data[1], data[2])
    rules = (
        "base_postprocessed",
        "fairsisa_aggregate_first",
        "fairsisa_ensemble",
        "fairsisa_postprocess_first",
    )
    first, *others = (decide(name, single).probability for name in rules)
    for other in others:
        assert other == pytest.approx(first, abs=1e-12)
