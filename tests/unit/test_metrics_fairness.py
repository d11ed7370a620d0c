"""Values by hand, parity with fairlearn, and groups without a rate."""

from __future__ import annotations

import fairlearn.metrics as fl
import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from palimpsest.metrics import fairness as fair
from palimpsest.metrics.bootstrap import interval
from palimpsest.randomness import numpy_generator

# Group a: labels 1 1 0 0, P(decide 1) 1 1/2 0 1/2. Group b: labels 1 0, P 1/2 0. Group c: labels 1
# 0 0 0, P 1 1 1 0.
LABELS = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 0])
POSITIVE = np.array([1, 0.5, 0, 0.5, 0.5, 0, 1, 1, 1, 0])
GROUPS = np.array(list("aaaabbcccc"))


def draw(n: int = 400, groups: int = 4):
    rng = numpy_generator("fairness", groups)
    return (
        rng.integers(2, size=n),
        rng.integers(2, size=n),
        np.array([f"group {g}" for g in range(groups)])[rng.integers(groups, size=n)],
        rng.exponential(size=n),
    )


def test_rates_by_hand():
    """TPR: (1 + 1/2)/2, (1/2)/1, 1/1. FPR: (1/2)/2, 0/1, 2/3. Positive rate: 2/4, (1/2)/2, 3/4.

    Accuracy: a (1 + 1/2 + 1 + 1/2)/4, b (1/2 + 1)/2, c (1 + 0 + 0 + 1)/4.
    """
    rates = fair.group_rates(LABELS, POSITIVE, GROUPS)
    assert list(rates.names) == ["a", "b", "c"]
    np.testing.assert_allclose(rates.tpr, [3 / 4, 1 / 2, 1])
    np.testing.assert_allclose(rates.fpr, [1 / 4, 0, 2 / 3])
    np.testing.assert_allclose(rates.positive_rate, [1 / 2, 1 / 4, 3 / 4])
    np.testing.assert_allclose(rates.accuracy, [3 / 4, 3 / 4, 1 / 2])


def test_gaps_by_hand():
    """Pairs ab, ac, bc. TPR gaps 1/4, 1/4, 1/2; FPR gaps 1/4, 5/12, 2/3.

    Largest of all 2/3. Mean over pairs of the half sums: (1/4 + 1/3 + 7/12) / 3 = 7/18. Positive
    rates: 3/4 - 1/4.
    """
    assert fair.equalized_odds_max(LABELS, POSITIVE, GROUPS) == pytest.approx(2 / 3)
    assert fair.equalized_odds_mean(LABELS, POSITIVE, GROUPS) == pytest.approx(7 / 18)
    assert fair.demographic_parity(LABELS, POSITIVE, GROUPS) == pytest.approx(1 / 2)
    assert fair.worst_group_accuracy(LABELS, POSITIVE, GROUPS) == pytest.approx(1 / 2)


def test_quotients_by_hand():
    """TPR 3/4, 1/2, 1; FPR 1/4, 0, 2/3; positive rates 1/2, 1/4, 3/4. Where nobody is decided
    positive there is nothing to divide by, nor where a group has no rate, or is alone."""
    assert fair.equal_opportunity(LABELS, POSITIVE, GROUPS) == pytest.approx(1 / 2)
    assert fair.equal_opportunity_ratio(LABELS, POSITIVE, GROUPS) == pytest.approx(1 / 2)
    assert fair.equalized_odds_ratio(LABELS, POSITIVE, GROUPS) == 0
    assert fair.demographic_parity_ratio(LABELS, POSITIVE, GROUPS) == pytest.approx(1 / 3)
    for positive, groups in ((0 * POSITIVE, GROUPS), (POSITIVE, np.array(["a"] * 10))):
        assert np.isnan(fair.equalized_odds_ratio(LABELS, positive, groups))
        assert np.isnan(fair.demographic_parity_ratio(LABELS, positive, groups))
    assert np.isnan(fair.equal_opportunity_ratio([1, 1, 0], [1, 1, 1], ["a", "a", "b"]))


def test_quotients_are_fairlearns():
    labels, decided, groups, weights = draw()
    given = {"sensitive_features": groups, "sample_weight": weights}
    for name in ("equalized_odds_ratio", "demographic_parity_ratio", "equal_opportunity_ratio"):
        ours = getattr(fair, name)(labels, decided, groups, weights)
        assert ours == pytest.approx(getattr(fl, name)(labels, decided, **given)), name
    ours = fair.equal_opportunity(labels, decided, groups, weights)
    assert ours == pytest.approx(fl.equal_opportunity_difference(labels, decided, **given))


def test_a_gap_in_tpr_alone_counts():
    """FPR 0 and 0, TPR 1 and 0: the maximum is the TPR gap 1, the mean over the pair 1/2. Then the
    same with FPR."""
    labels, groups = np.array([1, 0, 1, 0]), np.array(list("aabb"))
    positive = np.array([1, 0, 0, 0])
    for y, p in ((labels, positive), (1 - labels, 1 - positive)):
        assert fair.equalized_odds_max(y, p, groups) == 1
        assert fair.equalized_odds_mean(y, p, groups) == 0.5


@pytest.mark.parametrize("weighted", [False, True])
def test_parity_with_fairlearn(weighted):
    labels, decided, groups, weights = draw()
    weights = weights if weighted else None
    rates = fair.group_rates(labels, decided, groups, weights)
    for ours, theirs in (
        (rates.tpr, fl.true_positive_rate),
        (rates.fpr, fl.false_positive_rate),
        (rates.positive_rate, fl.selection_rate),
        (rates.accuracy, accuracy_score),
    ):
        frame = fl.MetricFrame(
            metrics=theirs,
            y_true=labels,
            y_pred=decided,
            sensitive_features=groups,
            sample_params=None if weights is None else {"sample_weight": weights},
        )
        np.testing.assert_allclose(ours, frame.by_group.to_numpy(), rtol=1e-12)
    options = dict(sensitive_features=groups, sample_weight=weights)
    odds = fl.equalized_odds_difference(labels, decided, **options)
    parity = fl.demographic_parity_difference(labels, decided, **options)
    assert fair.equalized_odds_max(labels, decided, groups, weights) == pytest.approx(
        odds, rel=1e-12
    )
    assert fair.demographic_parity(labels, decided, groups, weights) == pytest.approx(
        parity, rel=1e-12
    )


def test_with_two_groups_the_mean_gap_is_fairlearns():
    labels, decided, groups, _ = draw(groups=2)
    theirs = fl.equalized_odds_difference(labels, decided, sensitive_features=groups, agg="mean")
    assert fair.equalized_odds_mean(labels, decided, groups) == pytest.approx(theirs, rel=1e-12)


def test_names_of_groups_do_not_matter():
    labels, decided, groups, _ = draw()
    renamed = np.array([name.replace("group ", "")[::-1] for name in groups])
    for metric in (fair.equalized_odds_max, fair.equalized_odds_mean, fair.demographic_parity):
        assert metric(labels, decided, renamed) == metric(labels, decided, groups)


def test_what_is_not_defined_is_nan_and_what_is_has_its_value():
    """Group a has no label 1, group b no label 0."""
    labels, groups = np.array([0, 0, 1, 1, 0, 1]), np.array(list("aabbcc"))
    rates = fair.group_rates(labels, labels, groups)
    np.testing.assert_array_equal(rates.tpr, [np.nan, 1, 1])
    np.testing.assert_array_equal(rates.fpr, [0, np.nan, 0])
    for metric in (fair.equalized_odds_max, fair.equalized_odds_mean):
        assert np.isnan(metric(labels, labels, groups))
    assert fair.demographic_parity(labels, labels, groups) == 1
    assert fair.worst_group_accuracy(labels, labels, groups) == 1


def test_a_group_of_weight_zero_has_no_rate():
    weights = (GROUPS != "b").astype(float)
    assert np.isnan(fair.group_rates(LABELS, POSITIVE, GROUPS, weights).accuracy).tolist() == [
        False,
        True,
        False,
    ]
    for metric in (fair.demographic_parity, fair.worst_group_accuracy):
        assert np.isnan(metric(LABELS, POSITIVE, GROUPS, weights))


def test_a_replicate_without_a_rate_is_nan_and_left_out_of_the_interval():
    """The second of three replicates did not draw b's only positive: no TPR, but still a positive
    rate."""
    weights = np.ones((3, len(LABELS)))
    weights[1, 4] = 0
    gaps = fair.equalized_odds_max(LABELS, POSITIVE, GROUPS, weights)
    np.testing.assert_allclose(gaps, [2 / 3, np.nan, 2 / 3])
    np.testing.assert_allclose(interval(gaps), [2 / 3, 2 / 3])
    assert np.isnan(fair.equalized_odds_mean(LABELS, POSITIVE, GROUPS, weights)).tolist() == [
        False,
        True,
        False,
    ]
    assert np.isfinite(fair.demographic_parity(LABELS, POSITIVE, GROUPS, weights)).all()


def test_one_group_has_no_gap():
    groups = np.full(len(LABELS), "all")
    for metric in (fair.equalized_odds_max, fair.equalized_odds_mean, fair.demographic_parity):
        assert np.isnan(metric(LABELS, POSITIVE, groups))
        assert np.isnan(metric(LABELS, POSITIVE, groups, np.ones((3, len(LABELS))))).all()
    assert fair.worst_group_accuracy(LABELS, POSITIVE, groups) == pytest.approx((3 + 1.5 + 2) / 10)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="probabilities"):
        fair.group_rates(LABELS, POSITIVE + 0.5, GROUPS)
    with pytest.raises(ValueError, match="groups"):
        fair.group_rates(LABELS, POSITIVE, GROUPS[:-1])
    with pytest.raises(ValueError, match="0..1"):
        fair.group_rates(LABELS + 1, POSITIVE, GROUPS)
