"""Exposure of canaries: ranks by hand, what a sample and a fit recover of the exact value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from palimpsest.metrics.exposure import exact_exposure, extrapolated_exposure, sampled_exposure
from palimpsest.randomness import numpy_generator


def test_exact_exposure_by_hand():
    """Eight secrets, one with a lower loss than the canary: rank 2, log2 8 - log2 2 = 2 bits."""
    found = exact_exposure(3.0, [1, 4, 5, 6, 7, 8, 9])
    assert (found.rank, found.space, found.found, found.bits) == (2, 8, "exact", 2)


def test_the_ends():
    """The likeliest of 8: 3 bits. The least likely: none."""
    assert exact_exposure(0.0, np.arange(1, 8)).bits == 3
    assert exact_exposure(9.0, np.arange(1, 8)).bits == 0


def test_ties_take_the_worst_rank():
    """Four of eight at the canary's loss, itself included, none below: rank 4, 1 bit. A model that finds all alike: 0 bits."""
    assert exact_exposure(1.0, [1, 1, 1, 2, 2, 2, 2]).bits == 1
    assert exact_exposure(1.0, np.ones(7)).bits == 0
    assert sampled_exposure(1.0, np.ones(7), 10**9).bits == 0


def test_chance_gives_log2_e_bits():
    """The canary at each rank of |R| in turn: the mean of -log2(r / |R|) nears log2 e = 1.4427 as |R| grows."""
    losses = np.arange(4096.0)
    bits = [exact_exposure(loss, np.delete(losses, place)).bits for place, loss in enumerate(losses)]
    assert np.mean(bits) == pytest.approx(np.log2(np.e), abs=0.01)


def test_exposure_falls_as_the_canary_grows_less_likely_and_no_monotone_change_matters():
    sample = numpy_generator("exposure").normal(50, 5, 300)
    canaries = np.linspace(30, 70, 9)
    for estimate in (sampled_exposure, extrapolated_exposure):
        bits = [estimate(canary, sample, 10**6).bits for canary in canaries]
        assert bits == sorted(bits, reverse=True) and bits[0] > bits[-1]
    before, after = exact_exposure(45.0, sample), exact_exposure(np.exp(45.0 / 9), np.exp(sample / 9))
    assert before == after


def test_a_sample_by_hand():
    """1 of 3 lies under the canary: rank 2 of 4, so 1 bit, whatever the space; its rank there is 2 * 1000 / 4."""
    found = sampled_exposure(5.0, [4, 6, 7], 1000)
    assert (found.rank, found.space, found.found) == (500, 1000, "sample") and found.bits == pytest.approx(1)


def test_a_sample_shows_no_more_than_its_size():
    """Under all of 1023: log2 1024 bits, though the space would have 30."""
    assert sampled_exposure(-1.0, np.arange(1023), 2**30).bits == pytest.approx(10)


def test_the_whole_space_as_a_sample_is_exact():
    losses = np.round(numpy_generator("whole").normal(size=200), 1)
    for canary in (-1.0, 0.0, 1.0):
        assert sampled_exposure(canary, losses, 201).bits == pytest.approx(exact_exposure(canary, losses).bits, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("deviations", [-4.5, -3, -1, 0, 1])
def test_extrapolation_recovers_a_normal_tail(deviations):
    """Losses N(50, 5): P(loss <= canary) = Phi(z), so the exposure is -log2 Phi(z); at z = -4.5 that is 18.2 bits, of which a
    sample of 4,000 shows 12."""
    sample = numpy_generator("extrapolation").normal(50, 5, 4000)
    found = extrapolated_exposure(50 + 5 * deviations, sample, 10**9)
    assert found.bits == pytest.approx(-np.log2(norm.cdf(deviations)), rel=0.1)
    assert found.found == "extrapolation" and found.fit > 0.05


def test_extrapolation_stays_in_the_range_and_says_when_it_does_not_fit():
    rng = numpy_generator("misfit")
    sample = rng.normal(50, 5, 500)
    assert extrapolated_exposure(-1000.0, sample, 10**9).bits == pytest.approx(np.log2(10**9))
    assert extrapolated_exposure(1000.0, sample, 10**9).bits == 0
    assert extrapolated_exposure(50.0, np.concatenate([sample, sample + 100]), 10**9).fit < 1e-6  # two heaps


def test_wrong_input_is_refused():
    for losses in ([], [np.nan, 1], [[1, 2]]):
        with pytest.raises(ValueError, match="losses of the other secrets"):
            exact_exposure(1.0, losses)
    with pytest.raises(ValueError, match="losses of the other secrets"):
        exact_exposure(np.nan, [1])
    with pytest.raises(ValueError, match="space of 3"):
        sampled_exposure(1.0, [1, 2, 3], 3)
    for losses in (np.ones(50), np.arange(7), np.append(np.arange(20.0), np.inf)):
        with pytest.raises(ValueError, match="fitted to finite losses"):
            extrapolated_exposure(1.0, losses, 1000)
