"""What methods wrap around encoded records: constants, masks, pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.training.examples import Masked, Paired, WithConstants, other_of

# Three texts with 2, 1 and 3 tokens that count; their predictions are numbered 0 1 | 2 | 3 4 5.
TEXTS = LanguageModellingExamples(
    [[5, 6, 7], [8, 9], [1, 2, 3, 4]], 0, [[False, True, True], [False, True], [False] + [True] * 3]
)


def test_constants_follow_their_examples_and_predictions():
    """Of the third and the first text: example constants 30 and 10, predictions 3 4 5 and 0 1."""
    wrapped = WithConstants(
        TEXTS, each={"one": np.array([10, 20, 30])}, every={"all": torch.arange(6.0)[:, None]}
    )
    batch = wrapped.batch(np.array([2, 0]))
    assert batch["one"].tolist() == [30, 10] and batch["all"].flatten().tolist() == [3, 4, 5, 0, 1]
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 0]]
    assert (wrapped.lengths == TEXTS.lengths).all() and wrapped.counted.tolist() == [2, 1, 3]


@pytest.mark.parametrize("given", [{"each": {"x": np.zeros(2)}}, {"every": {"x": np.zeros(5)}}])
def test_a_constant_of_another_number_of_rows_is_refused(given):
    with pytest.raises(ValueError, match="x: "):
        WithConstants(TEXTS, **given)


def test_a_constant_does_not_take_the_place_of_what_a_batch_holds():
    with pytest.raises(ValueError, match="input_ids"):
        WithConstants(TEXTS, each={"input_ids": np.zeros(3)}).batch(np.array([0]))


def test_a_mask_leaves_some_of_what_counts():
    masked = Masked(TEXTS, np.array([False, True, True, True, False, True]))
    assert masked.counted.tolist() == [1, 1, 2]
    counted = masked.batch(np.array([2, 0]))["counted"]
    assert counted.int().tolist() == [[0, 1, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("keep", "said"), [([True] * 5, "each prediction"), ([True, True, False] + [True] * 3, "1 exa")]
)
def test_a_mask_of_another_size_or_that_leaves_nothing_of_a_text_is_refused(keep, said):
    with pytest.raises(ValueError, match=said):
        Masked(TEXTS, np.array(keep))


def test_pairs_stand_side_by_side():
    others = LanguageModellingExamples([[1, 1], [2, 2, 2], [3, 3]], 0)
    pair = Paired(TEXTS, others)
    batch = pair.batch(np.array([1]))
    assert batch["input_ids"].tolist() == [[8, 9]]
    assert other_of(batch)["input_ids"].tolist() == [[2, 2, 2]]
    assert pair.lengths.tolist() == [5, 5, 6] and pair.counted.tolist() == [2, 1, 3]
    inner = other_of(Paired(others, pair).batch(np.array([1])))
    assert inner["input_ids"].tolist() == [[8, 9]]
    assert other_of(inner)["input_ids"].tolist() == [[2, 2, 2]]
    with pytest.raises(ValueError, match="3 examples and 1"):
        Paired(TEXTS, LanguageModellingExamples([[1, 1]], 0))
