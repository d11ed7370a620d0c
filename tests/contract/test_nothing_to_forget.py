"""A request may have no training records: every method and every attack leaves the model as it was,
to the bit, and says why."""

from __future__ import annotations

import pytest
import torch
from test_every_attack import ATTACK, attacked
from test_every_attack import LISTED as ATTACKS
from test_every_attack import quick as quick_attack
from test_every_method import LISTED as METHODS
from test_every_method import METHOD
from test_every_method import quick as quick_method

from palimpsest.methods.prepare import changing
from palimpsest.training.settings import Training

WHY = "the request has no training records"


@pytest.mark.parametrize(
    ("change", "settings", "track"),
    [
        *((METHOD[name].change, quick_method(name), track) for name, track in METHODS),
        *((ATTACK[name].change, quick_attack(name), track) for name, track in ATTACKS),
    ],
)
def test_the_model_stays_and_is_looked_at_once(change, settings, track, tmp_path, caplog):
    run = attacked(track, tmp_path)
    assert changing(run, lambda run, settings: "changed", settings) == ("changed", "")
    del run.sets["forget"]
    run.watch.draw(run.sets, run.names)
    before = {name: one.clone() for name, one in run.model.state_dict().items()}
    assert changing(run, change, settings) == (None, WHY) and WHY in caplog.text
    after = run.model.state_dict()
    assert all(torch.equal(after[name], one) for name, one in before.items())
    assert run.report()["steps"] == 0 and [one["update"] for one in run.watched] == [0]


@pytest.mark.parametrize(
    "name", [name for name, attack in ATTACK.items() if issubclass(attack.Settings, Training)]
)
def test_of_one_record_nothing_is_left_to_look_at_after_an_attack(name, tmp_path):
    """Either it is learnt, or nothing is."""
    run = attacked("causal", tmp_path)
    run.sets["forget"] = run.track.subset(run.sets["forget"], [0])
    run.records["forget"] = run.records["forget"].iloc[:1]
    run.watch.draw(run.sets, run.names)
    shown, why = changing(run, ATTACK[name].change, quick_attack(name))
    assert shown is None and "of 1 records are learnt" in why and run.phases == {}
