"""Token scores: ragged texts, taken, shortened and averaged as lists of lists would be."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics.tokens import TokenScores
from palimpsest.randomness import numpy_generator


def ragged(*texts) -> TokenScores:
    """Scores of texts given as lists; each array holds other numbers, so that none is taken for
    another."""
    logp = np.concatenate(texts).astype(np.float32)
    offsets = np.append(0, np.cumsum([len(text) for text in texts]))
    return TokenScores(offsets, logp, logp > -1, 10 * logp, -logp)


def lists(scores: TokenScores) -> list[list[float]]:
    assert (scores.mean == 10 * scores.logp).all() and (scores.deviation == -scores.logp).all()
    assert (scores.correct == (scores.logp > -1)).all()
    return [part.tolist() for part in np.split(scores.logp, scores.offsets[1:-1])]


SCORES = ragged([-1, -2], [-3, -4, -5], [-0.5, -7])


def test_means_of_texts_by_hand():
    """(1 + 2) / 2, (3 + 4 + 5) / 3 and (0.5 + 7) / 2."""
    np.testing.assert_array_equal(SCORES.per_text(SCORES.logp), [-1.5, -4, -3.75])
    np.testing.assert_array_equal(SCORES.per_text(SCORES.correct), [0, 0, 0.5])
    np.testing.assert_array_equal(SCORES.lengths, [2, 3, 2])
    assert len(SCORES) == 3


def test_texts_are_taken_in_the_order_asked_for_and_twice_if_asked():
    assert lists(SCORES.take([2, 0, 2])) == [[-0.5, -7], [-1, -2], [-0.5, -7]]
    assert lists(SCORES.take(np.array([False, True, True]))) == [[-3, -4, -5], [-0.5, -7]]
    assert len(SCORES.take([])) == 0
    with pytest.raises(IndexError):
        SCORES.take([3])


def test_the_last_token_of_each_text_goes():
    assert lists(SCORES.without_last()) == [[-1], [-3, -4], [-0.5]]
    with pytest.raises(ValueError, match="1 of 2 texts .* number 2"):
        ragged([-1, -2], [-3]).without_last()


def test_a_mean_does_not_depend_on_the_texts_around_it():
    rng = numpy_generator("token scores")
    texts = [-rng.exponential(size=length) for length in rng.integers(1, 30, size=40)]
    order = rng.permutation(40)
    scores = ragged(*texts)
    np.testing.assert_allclose(
        scores.per_text(scores.logp),
        [text.astype(np.float32).mean(dtype=np.float64) for text in texts],
        rtol=1e-14,
    )
    taken = scores.take(order)
    np.testing.assert_array_equal(taken.per_text(taken.logp), scores.per_text(scores.logp)[order])


@pytest.mark.parametrize(
    "offsets", [[0, 2, 2, 7], [1, 5, 7], [0, 5, 6], [0, 5, 4, 7], [], [[0, 7]], [0.0, 7.0]]
)
def test_offsets_that_do_not_fit_are_refused(offsets):
    with pytest.raises(ValueError, match="offsets"):
        TokenScores(np.array(offsets), SCORES.logp, SCORES.correct, SCORES.mean, SCORES.deviation)


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="'mean': \\(6,\\)"):
        TokenScores(SCORES.offsets, SCORES.logp, SCORES.correct, SCORES.mean[1:], SCORES.deviation)
    with pytest.raises(ValueError, match="one a token"):
        SCORES.per_text(SCORES.logp[1:])
