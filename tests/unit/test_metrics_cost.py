"""The expected cost of a request: closed forms, enumeration of all assignments, Monte Carlo."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from palimpsest.metrics.cost import expected_cost, full_cost
from palimpsest.randomness import numpy_generator


def stages(epochs: float, slices: int) -> list[float]:
    """The idealised budget: e_j = 2e/(R+1) epochs a stage."""
    return [2 * epochs / (slices + 1)] * slices


def trained(shard, cut, sizes, epochs, owners: int) -> int:
    """Record-epochs of one assignment, stage by stage: shard (n,), cut (n,) slice from 0; the first
    owners leave."""
    total = 0
    for s in set(shard[:owners]):
        lowest = min(cut[i] for i in range(owners) if shard[i] == s)
        for stage in range(lowest, len(epochs)):
            remaining = (i for i in range(owners, len(shard)) if shard[i] == s and cut[i] <= stage)
            total += epochs[stage] * sum(sizes[i] for i in remaining)
    return total


def test_one_owner_one_shard_two_slices_by_hand():
    """R = 2, e = (3, 1), 10 records remain, 5 a slice. The owner in slice 1 (p = 1/2): 3 * 5 + 1 *
    10; in 2: 1 * 10."""
    assert expected_cost(11, 1, 2, [3, 1], owners=1) == pytest.approx((25 + 10) / 2)


def test_one_owner_agrees_with_bourtoule():
    """e D/S (2/3 + 1/(3R)), D the records that remain; R = 5: 0.7333 e D/S."""
    for slices in (1, 2, 5, 20):
        expected = 12 * 1000 / 4 * (2 / 3 + 1 / (3 * slices))
        assert expected_cost(1001, 4, slices, stages(12, slices), owners=1) == pytest.approx(
            expected
        )
    assert expected_cost(1001, 1, 5, stages(1, 5), 1) == pytest.approx(733.333, abs=1e-3)


def test_a_batch_without_slices_agrees_with_bourtoule():
    """N (1 - (1 - 1/S)^K) - K = 968.47 for N = 1000, S = 5, K = 20; hashed shards cost K (1 -
    1/S)^K = 0.23 more."""
    equal_parts = 1000 * (1 - 0.8**20) - 20
    assert equal_parts == pytest.approx(968.47, abs=5e-3)
    assert expected_cost(1000, 5, 1, [1], owners=20) == pytest.approx(equal_parts + 20 * 0.8**20)


def test_a_batch_in_one_shard_agrees_with_the_minimum_of_the_slices():
    """e D (1 - E[r (r - 1)] / (R (R + 1))), r the least of K uniform slice ids; R = 20, K = 5:
    0.95504."""
    ids = np.arange(1, 21)
    least = ((21 - ids) / 20) ** 5 - ((20 - ids) / 20) ** 5
    expected = 1 - (least * ids * (ids - 1)).sum() / (20 * 21)
    assert expected == pytest.approx(0.95504, abs=1e-5)
    assert expected_cost(1005, 1, 20, stages(1, 20), owners=5) == pytest.approx(1000 * expected)


@pytest.mark.parametrize("shards, slices, owners", [(2, 2, 1), (2, 2, 2), (3, 1, 2), (1, 3, 2)])
def test_exact_over_all_assignments(shards, slices, owners):
    """Four owners of 2, 1, 3, 1 records in every shard and slice they can be in: the mean is the
    formula, no error."""
    sizes, epochs = [2, 1, 3, 1], [3, 1, 2][:slices]
    places = list(product(range(shards), range(slices)))
    costs = [
        trained(*zip(*where, strict=True), sizes, epochs, owners)
        for where in product(places, repeat=4)
    ]
    expected = expected_cost(7, shards, slices, epochs, owners, removed=sum(sizes[:owners]))
    assert np.mean(costs) == pytest.approx(expected, rel=1e-12)


def test_monte_carlo():
    """20 owners of one record, 4 of them leave, S = 3, R = 4: within 4 standard errors of 3,000
    simulations."""
    rng, epochs = numpy_generator("cost"), [2, 1, 2, 1]
    costs = [
        trained(
            rng.integers(3, size=20).tolist(),
            rng.integers(4, size=20).tolist(),
            [1] * 20,
            epochs,
            4,
        )
        for _ in range(3000)
    ]
    error = np.std(costs) / np.sqrt(len(costs))
    assert abs(np.mean(costs) - expected_cost(20, 3, 4, epochs, owners=4)) < 4 * error


def test_cost_grows_with_owners_up_to_retraining_everything():
    """With no records removed: nothing for no owner, then more and more, in the limit N sum_j e_j
    j/R."""
    costs = [
        expected_cost(1000, 5, 3, [1, 2, 1], owners, removed=0) for owners in (0, 1, 2, 10, 10_000)
    ]
    assert costs[0] == 0 and np.all(np.diff(costs) > 0)
    assert costs[-1] == pytest.approx(1000 * (1 / 3 + 4 / 3 + 1))


def test_without_shards_and_slices_a_request_is_a_full_retraining():
    assert expected_cost(100, 1, 1, [4], owners=3) == full_cost(97, 4) == 388


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="3 stages"):
        expected_cost(100, 2, 3, [1, 1], 1)
    with pytest.raises(ValueError, match="no more records"):
        expected_cost(10, 2, 1, [1], 11)
