"""Truth ratios, forget quality and model utility: values by hand, ends of the ranges, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics import truth
from palimpsest.randomness import numpy_generator

# Probabilities by token 1/2 and wrong ones 1/8, 1/2; 1/8 and 1/2, 1/2.
CORRECT, WRONG = np.log([2, 8]), np.log([[8, 2], [2, 2]])


def test_truth_ratio_by_hand():
    """exp(-mean NLL) of the wrong: sqrt(1/8 * 1/2) = 1/4, over 1/2: R = 1/2. sqrt(1/2 * 1/2) = 1/2,
    over 1/8: R = 4."""
    np.testing.assert_allclose(truth.truth_ratio(CORRECT, WRONG), [1 / 2, 4])


def test_truth_ratio_of_the_paper_by_hand():
    """Means of the probabilities of the wrong: (1/8 + 1/2) / 2 = 5/16, over 1/2: R = 5/8. 1/2 over
    1/8: R = 4, as of equal ones the two means are one."""
    np.testing.assert_allclose(truth.truth_ratio(CORRECT, WRONG, "paper"), [5 / 8, 4])
    with pytest.raises(ValueError, match="form must be one of code, paper, not 'mean'"):
        truth.truth_ratio(CORRECT, WRONG, "mean")


def test_the_papers_ratio_is_never_less_than_the_codes():
    rng = numpy_generator("forms")
    correct, wrong = rng.exponential(2, 50), rng.exponential(2, (50, 3))
    assert (truth.truth_ratio(correct, wrong, "paper") > truth.truth_ratio(correct, wrong)).all()


def test_aggregates_by_hand():
    """R = 1/2, 4: min(R, 1/R) = 1/2, 1/4; max(0, 1 - R) = 1/2, 0; 1/(1 + R) = 2/3, 1/5. Weights 3,
    1."""
    ratios = [1 / 2, 4]
    assert truth.truth_ratio_indifference(ratios) == pytest.approx(3 / 8)
    assert truth.truth_ratio_indifference(ratios, [3, 1]) == pytest.approx(7 / 16)
    assert truth.truth_ratio_preference(ratios) == pytest.approx(1 / 4)
    assert truth.truth_ratio_probability(ratios) == pytest.approx(13 / 30)


@pytest.mark.filterwarnings("error")
def test_the_ends_of_the_ratio():
    """0: only the truth is likely. 1: no difference. inf: the truth is unlikely beyond measure."""
    ratios = truth.truth_ratio([0, 3, 2000], [[2000], [3], [0]])
    np.testing.assert_array_equal(ratios, [0, 1, np.inf])
    assert [float(truth.truth_ratio_indifference([r])) for r in ratios] == [0, 1, 0]
    assert [float(truth.truth_ratio_preference([r])) for r in ratios] == [1, 0, 0]
    assert [float(truth.truth_ratio_probability([r])) for r in ratios] == [1, 0.5, 0]


def test_swapping_truth_and_falsehood_inverts_the_ratio():
    rng = numpy_generator("truth")
    correct, wrong = rng.exponential(2, 50), rng.exponential(2, (50, 1))
    ratios, swapped = (
        truth.truth_ratio(correct, wrong),
        truth.truth_ratio(wrong[:, 0], correct[:, None]),
    )
    np.testing.assert_allclose(ratios * swapped, 1)
    assert truth.truth_ratio_indifference(ratios) == pytest.approx(
        truth.truth_ratio_indifference(swapped)
    )
    assert truth.truth_ratio_probability(ratios) + truth.truth_ratio_probability(
        swapped
    ) == pytest.approx(1)


def test_probability_with_options_by_hand():
    """1/2 / (1/2 + 1/8 + 1/2) = 4/9 and 1/8 / (1/8 + 1/2 + 1/2) = 1/9; the mean 5/18."""
    np.testing.assert_allclose(
        truth.probability_with_options_per_item(CORRECT, WRONG), [4 / 9, 1 / 9]
    )
    assert truth.probability_with_options(CORRECT, WRONG) == pytest.approx(5 / 18)
    assert truth.probability_with_options(CORRECT, WRONG, [2, 1]) == pytest.approx(1 / 3)


@pytest.mark.filterwarnings("error")
def test_only_differences_of_losses_matter_to_the_options():
    """All four answers alike: 1/4, however unlikely they are."""
    assert truth.probability_with_options([5000.0], [[5000.0, 5000.0, 5000.0]]) == 0.25
    assert (
        truth.probability_with_options([5000.0], [[0.0]]) == 0
        and truth.probability_with_options([0.0], [[5000.0]]) == 1
    )


def test_forget_quality_by_hand():
    """Four ratios all below four others: the two samples lie apart in 2 of C(8, 4) = 70 orders, so
    p = 2/70."""
    ids = ["a", "b", "c", "d"]
    assert truth.forget_quality([1, 2, 3, 4], [5, 6, 7, 8], ids, ids) == pytest.approx(2 / 70)


def test_the_statistic_behind_forget_quality_by_hand():
    """Of 1, 2, 3, 4 three lie below 3.5, of 2.5, 5, 6, 7 one: 3/4 - 1/4, but 4/4 - 1/4 at 4.5. It
    stays as it is where each item stands three times; p falls."""
    model, oracle, ids = [1, 2, 3, 4], [2.5, 5, 6, 7], list("abcd")
    assert truth.truth_ratio_ks(model, oracle, ids, ids) == 3 / 4
    assert truth.truth_ratio_ks(model, model, ids, ids) == 0
    more = range(12)
    assert truth.truth_ratio_ks(model * 3, oracle * 3, more, more) == 3 / 4
    ps = [truth.forget_quality(model * k, oracle * k, range(4 * k), range(4 * k)) for k in (1, 3)]
    assert ps[1] < ps[0] / 10


def test_forget_quality_of_the_oracle_and_of_a_model_that_forgot_nothing():
    rng = numpy_generator("forget quality")
    oracle, ids = rng.lognormal(0.5, 0.5, 200), np.arange(200)
    shift = [
        truth.forget_quality(oracle * factor, oracle, ids, ids) for factor in (1, 0.8, 0.5, 0.1)
    ]
    assert shift[0] == 1 and shift == sorted(shift, reverse=True) and shift[-1] < 1e-20
    shuffled = truth.forget_quality(rng.permutation(oracle) * 0.8, oracle, ids, ids)
    # a test of distributions: the pairs are checked so that the sets are the same
    assert shuffled == shift[1]


def test_forget_quality_takes_infinite_ratios():
    assert truth.forget_quality([np.inf, 1, 2], [np.inf, 1, 2], [1, 2, 3], [1, 2, 3]) == 1


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["b", "a", "c"], "not in the same order"),
        (["a", "b", "d"], "1 ids are in the first alone, 1 in the second"),
        (["a", "b"], "1 ids are in the first alone, 0"),
        (["a", "b", "c", "c"], "0 ids are in the first alone, 0"),
    ],
)
def test_other_items_or_another_order_are_refused(ids, message):
    with pytest.raises(ValueError, match=message):
        truth.forget_quality([1, 2, 3], np.ones(len(ids)), ["a", "b", "c"], ids)


def test_ids_must_be_unique_and_one_a_ratio():
    with pytest.raises(ValueError, match="twice"):
        truth.forget_quality([1, 2], [1, 2], ["a", "a"], ["a", "a"])
    with pytest.raises(ValueError, match="2 ids need as many ratios, not 3 and 2"):
        truth.forget_quality([1, 2, 3], [1, 2], ["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match="no items"):
        truth.forget_quality([], [], [], [])


def test_model_utility_by_hand():
    """3 / (1/1 + 1/(1/2) + 1/(1/4)) = 3/7. A replicate each: 2 / (1 + 2) and 2 / (2 + 2)."""
    parts = {"probability": 1, "rouge": 1 / 2, "truth": 1 / 4}
    assert truth.model_utility(parts) == pytest.approx(3 / 7)
    np.testing.assert_allclose(
        truth.model_utility({"a": np.array([1, 0.5]), "b": 0.5}), [2 / 3, 1 / 2]
    )


@pytest.mark.filterwarnings("error")
def test_one_part_at_zero_is_all_that_counts():
    assert truth.model_utility({"a": 0.9, "b": 0.0, "c": 1}) == 0
    np.testing.assert_allclose(truth.model_utility({"a": np.array([0, 1]), "b": 1}), [0, 1])


def test_model_utility_lies_between_its_parts_and_under_their_mean():
    parts = dict(enumerate(numpy_generator("utility").uniform(0.1, 1, 9)))
    value = truth.model_utility(parts)
    assert min(parts.values()) < value < np.mean(list(parts.values()))
    assert truth.model_utility(parts | {0: parts[0] + 0.1}) > value


def test_wrong_input_is_refused():
    for wrong in (
        np.ones(2),
        np.ones((3, 2)),
        np.ones((2, 0)),
        np.array([[1], [np.nan]]),
        np.array([[1], [np.inf]]),
    ):
        with pytest.raises(ValueError, match="NLLs"):
            truth.truth_ratio(np.ones(2), wrong)
    for ratios in ([-1.0], [np.nan], [[1.0]]):
        with pytest.raises(ValueError, match="truth ratios"):
            truth.truth_ratio_preference(ratios)
    with pytest.raises(ValueError, match="negative: rouge"):
        truth.model_utility({"probability": 1, "rouge": -0.1})
    with pytest.raises(ValueError, match="needs a part"):
        truth.model_utility({})
