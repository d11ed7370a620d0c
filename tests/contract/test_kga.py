"""KGA: what is its own."""

from __future__ import annotations

import pytest
import torch
from tiny import (
    gap,
    kl,
    run_of,
)

from palimpsest.methods import kga


@pytest.mark.parametrize("track", ["classification", "causal"])
def test_kga_pulls_towards_those_who_know_where_it_differs_too_much_and_away_where_too_little(
    track,
):
    """|a - G| has the slope sign(a - G) in a. At A* = A_f the alignment is 0, below any gap, and
    all that is left is G."""

    run, settings = run_of(track), kga.Settings()
    objective = kga.objective(run, settings)
    slopes = objective.slopes(
        {"forget": torch.tensor(0.7), "extra": torch.tensor(0.2), "retain": torch.tensor(0.1)}
    )
    assert slopes["forget"] == 1 and slopes["retain"] == pytest.approx(settings.alpha)
    slopes = objective.slopes(
        {"forget": torch.tensor(0.1), "extra": torch.tensor(0.2), "retain": torch.tensor(0.1)}
    )
    assert slopes["forget"] == -1
    known = kga.watched(run, settings, run.models["forget"], [])
    assert known["alignment"] == pytest.approx(0, abs=1e-9) and known[
        "gap_difference"
    ] == pytest.approx(gap(run, run.reference), rel=1e-6)
    assert kga.watched(run, settings, run.models["forget"], [known]) == known
    start = kga.watched(run, settings, run.model, [])
    assert start["alignment"] == pytest.approx(
        kl(run, run.models["forget"], run.model, "forget"), rel=1e-6
    )
    assert kga.objective(run, kga.Settings(inner_steps=3)).parts["retain"].times == 3


@pytest.mark.parametrize(
    ("gaps", "stops"),
    [([0.04], False), ([2.0, 0.1], True), ([2.0, 0.11], False), ([2.0, 0.05, 0.3], False)],
)
def test_kga_stops_once_the_gap_difference_is_a_twentieth_of_what_it_was(gaps, stops):

    assert kga.stops(kga.Settings(portion=0.05), [{"gap_difference": gap} for gap in gaps]) is stops
