"""What a causal model knows by heart: values by hand, and what must hold for any scores."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics import memorization as mem
from palimpsest.metrics.tokens import TokenScores
from palimpsest.randomness import numpy_generator


def scored(probabilities, correct) -> TokenScores:
    """Two lists a text: the probability of each token and whether it is the likeliest. The last
    token ends the text."""
    logp = np.log(np.concatenate(probabilities))
    offsets = np.append(0, np.cumsum([len(text) for text in probabilities]))
    return TokenScores(
        offsets, logp, np.concatenate(correct).astype(bool), np.zeros_like(logp), np.ones_like(logp)
    )


# Four tokens and the end of text; one token and the end of text.
SCORES = scored([[1 / 2, 1 / 4, 1 / 2, 1 / 2, 1], [1 / 8, 1 / 2]], [[1, 0, 1, 1, 1], [0, 1]])


def draw(n: int = 60) -> TokenScores:
    rng = numpy_generator("memorization")
    lengths = rng.integers(2, 12, size=n)
    return scored(
        [rng.uniform(0.01, 1, length) for length in lengths],
        [rng.random(length) < 0.7 for length in lengths],
    )


def test_perplexity_by_hand():
    """NLL in bits: 1 2 1 1 0 and 3 1. By text 2^(5/5) = 2 and 2^(4/2) = 4; pooled 2^(9/7). Weights
    2, 1: 2^(14/12)."""
    np.testing.assert_allclose(mem.perplexity_per_text(SCORES), [2, 4])
    assert mem.perplexity(SCORES) == pytest.approx(2 ** (9 / 7))
    assert mem.perplexity(SCORES, [2, 1]) == pytest.approx(2 ** (14 / 12))
    np.testing.assert_allclose(mem.nll_per_text(SCORES), [np.log(2), np.log(4)])


def test_perplexity_of_a_uniform_model_is_the_size_of_its_vocabulary():
    assert mem.perplexity(
        scored([[1 / 50] * 3, [1 / 50] * 9], [[0] * 3, [0] * 9])
    ) == pytest.approx(50)


def test_probability_by_hand():
    """Geometric means (1/2 * 1/4 * 1/2 * 1/2 * 1)^(1/5) = 1/2 and (1/8 * 1/2)^(1/2) = 1/4; their
    mean 3/8, weighted 2, 1: 5/12."""
    np.testing.assert_allclose(mem.probability_per_text(SCORES), [1 / 2, 1 / 4])
    assert mem.probability(SCORES) == pytest.approx(3 / 8)
    assert mem.probability(SCORES, [2, 1]) == pytest.approx(5 / 12)


def test_memorization_accuracy_by_hand():
    """4 of 5 and 1 of 2: (0.8 + 0.5) / 2, not 5 of 7."""
    np.testing.assert_allclose(mem.memorization_accuracy_per_text(SCORES), [0.8, 0.5])
    assert mem.memorization_accuracy(SCORES) == pytest.approx(0.65)


def test_exact_memorization_by_hand():
    """Without the ends of text 3 of 4 and 0 of 1."""
    np.testing.assert_allclose(mem.exact_memorization_per_text(SCORES), [0.75, 0])
    assert mem.exact_memorization(SCORES) == pytest.approx(0.375)


def test_extraction_strength_by_hand():
    """Without the ends: 1 0 1 1, the last error at place 2 of 4, so k = 2 and 1/2; and 0, k = 1 =
    |y| and 0.

    As released k stops at |y| - 1 = 0 in the second, which gives 1.
    """
    np.testing.assert_allclose(mem.extraction_strength_per_text(SCORES), [0.5, 0])
    np.testing.assert_allclose(mem.extraction_strength_per_text(SCORES, released=True), [0.5, 1])
    assert (
        mem.extraction_strength(SCORES) == 0.25
        and mem.extraction_strength(SCORES, released=True) == 0.75
    )


@pytest.mark.parametrize(
    ("correct", "strength", "floor"),
    [
        ([1, 1, 1, 1], 1, 1),
        ([0, 1, 1, 1], 3 / 4, 3 / 4),
        ([0, 0, 0, 1], 1 / 4, 1 / 4),
        ([1, 1, 1, 0], 0, 1 / 4),
        ([0, 0, 0, 0], 0, 1 / 4),
    ],
)
def test_extraction_strength_is_the_share_of_the_right_end(correct, strength, floor):
    for end in (0, 1):  # whether the end of text is guessed does not count
        scores = scored([[1 / 2] * 5], [[*correct, end]])
        assert mem.extraction_strength(scores) == strength
        assert mem.extraction_strength(scores, released=True) == floor


def test_what_holds_for_any_scores():
    scores = draw()
    np.testing.assert_allclose(
        mem.probability_per_text(scores) * mem.perplexity_per_text(scores), 1
    )
    per_text = mem.perplexity_per_text(scores)
    assert per_text.min() < mem.perplexity(scores) < per_text.max()
    strength, released = (
        mem.extraction_strength_per_text(scores),
        mem.extraction_strength_per_text(scores, released=True),
    )
    exact = mem.exact_memorization_per_text(scores)
    # the end can only be right where its tokens are
    assert (strength <= exact + 1e-12).all() and (strength < exact - 0.01).any()
    assert (released >= 1 / (scores.lengths - 1) - 1e-12).all()
    above = strength > 0
    assert 0 < above.sum() < len(scores)
    np.testing.assert_array_equal(strength[above], released[above])


def test_a_likelier_token_raises_probability_and_lowers_perplexity():
    better = scored([[1 / 2, 1 / 2, 1 / 2, 1 / 2, 1], [1 / 8, 1 / 2]], [[1, 1, 1, 1, 1], [0, 1]])
    assert mem.perplexity(better) < mem.perplexity(SCORES)
    for metric in (
        mem.probability,
        mem.memorization_accuracy,
        mem.exact_memorization,
        mem.extraction_strength,
    ):
        assert metric(better) > metric(SCORES)


@pytest.mark.filterwarnings("error")
def test_a_ruined_model_has_a_perplexity_and_no_warning():
    ruined = TokenScores(
        np.array([0, 2]),
        np.array([-1e5, -2e5], dtype=np.float32),
        np.zeros(2, dtype=bool),
        np.zeros(2),
        np.ones(2),
    )
    assert mem.perplexity(ruined) == np.inf and mem.perplexity_per_text(ruined) == [np.inf]
    assert mem.probability(ruined) == 0


def test_no_texts_are_refused():
    for metric in (
        mem.perplexity,
        mem.probability,
        mem.memorization_accuracy,
        mem.exact_memorization,
        mem.extraction_strength,
    ):
        with pytest.raises(ValueError, match="no records"):
            metric(SCORES.take([]))
