"""Values by hand, and parity with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from palimpsest.metrics import classification as cls
from palimpsest.randomness import numpy_generator


def draw(classes: int, n: int = 300):
    rng = numpy_generator("classification", classes)
    labels = rng.integers(classes, size=n)
    probabilities = rng.dirichlet(np.ones(classes), size=n)
    probabilities[np.arange(n), labels] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return labels, probabilities, rng.exponential(size=n)


def one_hot(decided, classes):
    return np.eye(classes)[decided]


def test_values_of_a_randomised_rule():
    """Labels 0 0 1 1 1; P(decide 1) = 0, 1/4, 1, 1, 1/2.

    Expected confusion: row 0 = [1 + 3/4, 1/4], row 1 = [1/2, 1 + 1 + 1/2].
    accuracy (7/4 + 5/2) / 5 = 17/20; balanced (7/8 + 5/6) / 2 = 41/48;
    F1 of 0: 2 (7/4) / (2 + 9/4) = 14/17; F1 of 1: 2 (5/2) / (3 + 11/4) = 20/23; macro their mean.
    """
    positive = np.array([0, 0.25, 1, 1, 0.5])
    labels, decisions = np.array([0, 0, 1, 1, 1]), np.stack([1 - positive, positive], axis=1)
    np.testing.assert_allclose(cls.confusion(labels, decisions), [[1.75, 0.25], [0.5, 2.5]])
    assert cls.accuracy(labels, decisions) == pytest.approx(17 / 20)
    assert cls.micro_f1(labels, decisions) == pytest.approx(17 / 20)
    assert cls.balanced_accuracy(labels, decisions) == pytest.approx(41 / 48)
    assert cls.macro_f1(labels, decisions) == pytest.approx((14 / 17 + 20 / 23) / 2)


def test_expected_confusion_is_the_mean_over_draws():
    labels, probabilities, _ = draw(3, 20)
    rng = numpy_generator("draws")
    drawn = (rng.random((4000, 20, 1)) > probabilities.cumsum(axis=1)).sum(axis=2)
    mean = one_hot(labels, 3).T @ one_hot(drawn, 3).mean(axis=0)
    np.testing.assert_allclose(
        cls.confusion(labels, probabilities), mean, atol=4 * np.sqrt(20 / 4 / 4000)
    )


def test_auroc_by_counting_pairs():
    """Positives score 0.2 0.5 0.9, negatives 0.1 0.5: of 6 pairs, wins 1 + 1 + 2, one tie: 4.5 / 6.

    With weight 3 on the positive at 0.2 (one win of two): (3 * 1 + 1.5 + 2) / (5 * 2).
    """
    labels, scores = np.array([1, 1, 1, 0, 0]), np.array([0.2, 0.5, 0.9, 0.1, 0.5])
    assert cls.auroc(labels, scores) == pytest.approx(4.5 / 6)
    assert cls.auroc(labels, scores, [3, 1, 1, 1, 1]) == pytest.approx(6.5 / 10)


def test_auroc_takes_infinite_scores_and_ties_among_them():
    """-inf ties with -inf (1/2), loses to 0; inf beats both: (1/2 + 0 + 1 + 1) / 4."""
    assert cls.auroc(np.array([1, 0, 0, 1]), np.array([-np.inf, -np.inf, 0, np.inf])) == 2.5 / 4


def test_auroc_turns_over_with_the_sign_and_ignores_the_scale():
    labels, probabilities, weights = draw(2)
    scores = np.round(probabilities[:, 1], 1)
    area = cls.auroc(labels, scores, weights)
    assert cls.auroc(labels, -scores, weights) == pytest.approx(1 - area)
    assert cls.auroc(labels, np.exp(5 * scores), weights) == pytest.approx(area)


def test_two_classes_are_compared_by_the_score_of_class_1():
    """1 - 1e-20 and 1 - 2e-20 are both 1 in double precision: column 0 shows a tie that column 1
    does not."""
    small = np.array([1e-20, 2e-20])
    assert cls.macro_auroc(np.array([0, 1]), np.stack([1 - small, small], axis=1)) == 1


def test_auroc_without_both_classes_is_nan():
    """In the second replicate the only positive was not drawn."""
    area = cls.auroc(np.array([0, 1, 0]), np.array([0.1, 0.9, 0.2]), [[1, 1, 1], [2, 0, 1]])
    np.testing.assert_array_equal(area, [1, np.nan])


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_parity_with_sklearn(classes, weighted):
    labels, probabilities, weights = draw(classes)
    weights = weights if weighted else None
    decided = probabilities.argmax(axis=1)
    ours = [
        metric(labels, one_hot(decided, classes), weights)
        for metric in (
            cls.confusion,
            cls.accuracy,
            cls.balanced_accuracy,
            cls.macro_f1,
            cls.micro_f1,
        )
    ]
    theirs = [
        sk.confusion_matrix(labels, decided, sample_weight=weights),
        sk.accuracy_score(labels, decided, sample_weight=weights),
        sk.balanced_accuracy_score(labels, decided, sample_weight=weights),
        sk.f1_score(labels, decided, average="macro", sample_weight=weights),
        sk.f1_score(labels, decided, average="micro", sample_weight=weights),
    ]
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_auroc_parity_with_sklearn(weighted):
    labels, probabilities, weights = draw(2)
    weights, rounded = weights if weighted else None, np.round(probabilities[:, 1], 1)
    theirs = sk.roc_auc_score(labels, rounded, sample_weight=weights)
    assert cls.auroc(labels, rounded, weights) == pytest.approx(theirs, rel=1e-12)
    assert cls.macro_auroc(labels, np.stack([1 - rounded, rounded], 1), weights) == pytest.approx(
        theirs, rel=1e-12
    )
    labels, probabilities, _ = draw(4)
    theirs = sk.roc_auc_score(
        labels, probabilities, multi_class="ovr", average="macro", sample_weight=weights
    )
    assert cls.macro_auroc(labels, probabilities, weights) == pytest.approx(theirs, rel=1e-12)


def test_classes_that_do_not_occur_are_left_out_as_in_sklearn():
    """Class 2 never occurs and is never decided; class 1 is decided but never a label.

    Recall is defined for class 0 alone: 2/3. F1: class 0 has 2 * 2 / (3 + 2) = 4/5, class 1 has 0:
    mean 2/5.
    """
    labels, decided = np.array([0, 0, 0]), np.array([0, 0, 1])
    assert cls.balanced_accuracy(labels, one_hot(decided, 3)) == pytest.approx(2 / 3)
    assert cls.macro_f1(labels, one_hot(decided, 3)) == pytest.approx(2 / 5)
    assert cls.macro_f1(labels, one_hot(decided, 3)) == sk.f1_score(
        labels, decided, average="macro"
    )
    assert np.isnan(cls.macro_auroc(labels, one_hot(decided, 3)))


@pytest.mark.parametrize(
    "labels, decisions, message",
    [
        ([0, 2], [[1, 0], [0, 1]], "0..1"),
        ([0, -1], [[1, 0], [0, 1]], "0..1"),
        ([0.0, 1.0], [[1, 0], [0, 1]], "integers"),
        ([0, 1, 1], [[1, 0], [0, 1]], "2 integers"),
        ([0, 1], [[0.7, 0.7], [0, 1]], "sum to 1"),
        ([0, 1], [[1.5, -0.5], [0, 1]], "negative"),
        ([0, 1], [[np.nan, 1], [0, 1]], "sum to 1"),
        ([0, 1], [0.3, 0.7], "shape"),
        (np.zeros(0, int), np.zeros((0, 2)), "no records"),
    ],
)
def test_wrong_input_is_refused(labels, decisions, message):
    with pytest.raises(ValueError, match=message):
        cls.accuracy(np.array(labels), np.array(decisions))


def test_scores_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        cls.auroc(np.array([0, 1]), np.array([0.5, np.nan]))
