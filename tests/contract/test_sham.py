"""The sham: how far it goes, and where to."""

from __future__ import annotations

import copy
import dataclasses

import pytest
from tiny import (
    run_of,
)

from palimpsest.methods import sham
from palimpsest.methods.sham import distance


def test_the_sham_goes_as_far_as_the_farthest_method_and_nowhere_in_particular():
    """By hand: one weight of each frozen model differs, by 3 and by 4."""
    run, other = run_of("causal"), run_of("causal")
    far = {name: copy.deepcopy(run.model) for name in ("npo", "kga")}
    for step, model in zip((3.0, 4.0), far.values(), strict=True):
        next(model.parameters()).data[0, 0] += step
    before = [copy.deepcopy(run.model) for _ in range(2)]
    run, other = (
        dataclasses.replace(one, models=far, names=("sham", name))
        for name, one in (("a", run), ("b", other))
    )
    for one in (run, other):
        sham.unlearn(one, sham.Settings())
    assert [distance(run.model, before[0]), distance(other.model, before[1])] == pytest.approx(
        [4, 4], rel=1e-6
    )
    # nearly at right angles
    assert distance(run.model, other.model) == pytest.approx(4 * 2**0.5, rel=0.1)
