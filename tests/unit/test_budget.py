"""A training lasts as long as its budget of tokens allows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from palimpsest.errors import UserError
from palimpsest.training.budget import cost, within
from palimpsest.training.objective import Objective, Part


def part(lengths: list[int], times: int = 1) -> Part:
    return Part(SimpleNamespace(lengths=np.array(lengths)), lambda model, batch: None, times=times)


def objective() -> Objective:
    """Six examples of 3 tokens, and with each of them one of 2: an epoch of batches of two has
    three updates of 10 tokens."""
    return Objective({"forget": part([3] * 6), "retain": part([2] * 9)})


@pytest.mark.parametrize(
    ("tokens", "updates", "epochs"),
    [(10, 1, 1), (19.9, 1, 1), (30, 3, 1), (49, 4, 2), (60, 6, 2), (75, 7, 1), (89, 8, 2),
     (170, 16, 4), (139, 12, 4)],
)  # fmt: skip
def test_so_many_updates_as_the_budget_allows(tokens, updates, epochs):
    """Of 75 tokens seven updates, of which no two epochs are equal; of 89 eight. Of 170 17 and of
    139 13, of which any number of epochs, from half the usual on, leaves one out."""
    bounded, count = within(objective(), tokens, 2, ("s",))
    assert (count, count * bounded.steps_per_epoch(2)) == (epochs, updates)


def test_the_batches_are_those_of_the_epochs_that_it_would_have_anyway():
    plain = objective()
    bounded, count = within(plain, 89, 2, ("s",))
    wanted = [batch for epoch in range(3) for batch in plain.epoch(epoch, 2, ("s",))][:8]
    made = [batch for epoch in range(count) for batch in bounded.epoch(epoch, 2, ("s",))]
    assert len(made) == 8
    for one, other in zip(made, wanted, strict=True):
        assert all((one[name] == other[name]).all() for name in ("forget", "retain"))
    assert sum(cost(bounded, batch) for batch in made) == 80


def test_a_budget_of_less_than_one_update_is_refused():
    with pytest.raises(UserError, match=r"budget is spent(.*\n)*.*9 tokens left(.*\n)*.*10"):
        within(objective(), 9, 2, ("s",))
    with pytest.raises(UserError, match="0 tokens left"):
        within(objective(), -5, 2, ("s",))
