"""Exposure of canaries: ranks by hand, what a sample recovers of the exact value."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics.exposure import exact_exposure, sampled_exposure
from palimpsest.randomness import numpy_generator


def test_exact_exposure_by_hand():
    """Eight secrets, one with a lower loss than the canary: rank 2, log2 8 - log2 2 = 2 bits."""
    found = exact_exposure(3.0, [1, 4, 5, 6, 7, 8, 9])
    assert (found.rank, found.space, found.estimate, found.bits) == (2, 8, "exact", 2)


def test_the_ends():
    """The likeliest of 8: 3 bits. The least likely: none."""
    assert exact_exposure(0.0, np.arange(1, 8)).bits == 3
    assert exact_exposure(9.0, np.arange(1, 8)).bits == 0


def test_ties_take_the_worst_rank():
    """Four of eight at the canary's loss, itself included, none below: rank 4, 1 bit. A model that
    finds all alike: 0 bits."""
    assert exact_exposure(1.0, [1, 1, 1, 2, 2, 2, 2]).bits == 1
    assert exact_exposure(1.0, np.ones(7)).bits == 0
    assert sampled_exposure(1.0, np.ones(7), 10**9).bits == 0


def test_chance_gives_log2_e_bits():
    """The canary at each rank of |R| in turn: the mean of -log2(r / |R|) nears log2 e = 1.4427 as
    |R| grows."""
    losses = np.arange(4096.0)
    bits = [
        exact_exposure(loss, np.delete(losses, place)).bits for place, loss in enumerate(losses)
    ]
    assert np.mean(bits) == pytest.approx(np.log2(np.e), abs=0.01)


def test_exposure_falls_as_the_canary_grows_less_likely_and_no_monotone_change_matters():
    sample = numpy_generator("exposure").normal(50, 5, 300)
    canaries = np.linspace(30, 70, 9)
    bits = [sampled_exposure(canary, sample, 10**6).bits for canary in canaries]
    assert bits == sorted(bits, reverse=True) and bits[0] > bits[-1]
    before, after = (
        exact_exposure(45.0, sample),
        exact_exposure(np.exp(45.0 / 9), np.exp(sample / 9)),
    )
    assert before == after


def test_a_sample_by_hand():
    """1 of 3 lies under the canary: rank 2 of 4, so 1 bit, whatever the space; its rank there is 2
    * 1000 / 4."""
    found = sampled_exposure(5.0, [4, 6, 7], 1000)
    assert (found.rank, found.space, found.estimate) == (
        500,
        1000,
        "sample",
    ) and found.bits == pytest.approx(1)


def test_a_sample_shows_no_more_than_its_size():
    """Under all of 1023: log2 1024 bits, though the space would have 30."""
    assert sampled_exposure(-1.0, np.arange(1023), 2**30).bits == pytest.approx(10)


def test_the_whole_space_as_a_sample_is_exact():
    losses = np.round(numpy_generator("whole").normal(size=200), 1)
    for canary in (-1.0, 0.0, 1.0):
        assert sampled_exposure(canary, losses, 201).bits == pytest.approx(
            exact_exposure(canary, losses).bits, rel=1e-12, abs=1e-12
        )


def test_wrong_input_is_refused():
    for losses in ([], [np.nan, 1], [[1, 2]]):
        with pytest.raises(ValueError, match="losses of the other secrets"):
            exact_exposure(1.0, losses)
    with pytest.raises(ValueError, match="losses of the other secrets"):
        exact_exposure(np.nan, [1])
    with pytest.raises(ValueError, match="space of 3"):
        sampled_exposure(1.0, [1, 2, 3], 3)
