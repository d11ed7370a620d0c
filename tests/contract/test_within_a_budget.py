"""What every method must hold where its tokens are counted."""

from __future__ import annotations

import pytest
from test_every_method import LISTED, METHOD, quick
from tiny import run_of

from palimpsest.errors import UserError
from palimpsest.methods.registry import method_of
from palimpsest.methods.within import Within
from palimpsest.training.settings import Training

BUDGET = 900
SAMPLING = {"quark"}  # before each epoch
NAMES = [name for name, track in LISTED if track == "causal" and not method_of(name).others]


def within(name: str, folder, budget: int = BUDGET) -> Within:
    return Within.of(run_of("causal", folder), budget, method_of(name).phases)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_trains_its_phases_and_spends_no_more(name, tmp_path):
    """Nor much less: an update more, in one of its epochs, would be too much. The number of epochs
    in its settings counts for nothing. What samples while it trains ends with the epoch in which
    nothing is left."""
    run = within(name, tmp_path)
    METHOD[name].change(run, quick(name))
    report = run.report()
    over = report["tokens"] / len(run.spent_tokens) if name in SAMPLING else 0
    # what trains nothing cannot be shortened
    assert report["tokens"] <= BUDGET + over or not run.phases
    trains = issubclass(METHOD[name].Settings, Training)
    assert list(run.phases) == (list(method_of(name).phases) if trains else [])
    shares = [phase["tokens"] for phase in run.phases.values()]
    if name in SAMPLING:
        shares = [report["tokens"]]
    assert all(tokens > 0.7 * BUDGET / len(shares) for tokens in shares), shares


def test_what_is_spent_before_a_training_shortens_it(tmp_path):
    """Of a budget of 900 tokens 600 are gone: a third of the updates is left."""
    whole, third = within("npo", tmp_path / "a"), within("npo", tmp_path / "b")
    third.spent(600)
    for run in (whole, third):
        METHOD["npo"].change(run, quick("npo"))
    assert third.report()["tokens"] <= BUDGET and third.report()["spent"] == 600
    ratio = third.phases["train"]["steps"] / whole.phases["train"]["steps"]
    assert 0.2 < ratio < 0.4


def test_a_phase_that_nobody_planned_is_a_mistake_of_the_registry(tmp_path):
    run = Within.of(run_of("causal", tmp_path), BUDGET, ("tune",))
    with pytest.raises(ValueError, match="name it in the registry"):
        METHOD["npo"].change(run, quick("npo"))


def test_a_budget_that_pays_for_no_update_is_refused(tmp_path):
    with pytest.raises(UserError, match="the budget is spent"):
        METHOD["npo"].change(within("npo", tmp_path, 3), quick("npo"))
