"""What every attack on weights must hold, from the registry, and relearning by hand."""

from __future__ import annotations

import dataclasses
import importlib
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cases import parameters
from tiny import nll, run_of

from palimpsest.attacks import relearn
from palimpsest.attacks.registry import ATTACKS, attack_of, is_attack, split
from palimpsest.methods.contract import Unchanged
from palimpsest.methods.watch import Watch
from palimpsest.training import loop
from palimpsest.training.fields import field_problems, types_of
from palimpsest.training.settings import Computing

LISTED = [(name, track) for name, attack in ATTACKS.items() for track in attack.tracks]
ATTACK = {name: importlib.import_module(ATTACKS[name].module).ATTACK for name in ATTACKS}
QUICK = {"learning_rate": 1e-2, "epochs": 3, "batch_size": 2, "adapter_dropout": 0.0}


def quick(name: str):
    """The attack's settings, with a training that takes no time, if it trains."""
    kind = ATTACK[name].Settings
    return kind(**{key: value for key, value in QUICK.items() if key in types_of(kind)})


def attacked(track: str, folder, computing: Computing | None = None):
    """A run with ids for its records, and a watch that notes what it was asked about."""
    run = run_of(track, folder, computing or Computing(checkpoint_seconds=1e9))
    for name, examples in run.sets.items():
        ids = [f"{name}-{number}" for number in range(len(examples.lengths))]
        run.records[name] = run.records.get(name, _empty(len(ids))).assign(record_id=ids)
    memory = SimpleNamespace(
        MEMORIZATION_METRICS=(), memory=lambda model, examples: {"n": len(examples.lengths)}
    )
    run.watch = Watch(run.track, memory, None, 4, {"n": 0.0}).draw(run.sets, run.names)
    return run


def _empty(count: int):
    import pandas as pd

    return pd.DataFrame(index=range(count))


@pytest.mark.parametrize("name", ATTACKS)
def test_settings_have_bounds_and_defaults_that_keep_them(name):
    kind = ATTACK[name].Settings
    assert kind.__dataclass_params__.frozen
    assert list(field_problems(kind, dataclasses.asdict(kind()), name)) == []
    for key, of in types_of(kind).items():
        if isinstance(getattr(kind(), key), float):
            assert list(field_problems(kind, {key: math.nan}, name)), of


@pytest.mark.parametrize(("name", "track"), LISTED)
def test_it_changes_the_model_and_twice_to_the_same_bytes(name, track, tmp_path):
    ends = []
    for number in range(2):
        run = attacked(track, tmp_path / str(number))
        start = parameters(run.model)
        ATTACK[name].change(run, quick(name))
        assert not all(map(torch.equal, start, run.model.parameters()))
        assert all(map(torch.equal, start, run.reference.parameters()))
        ends.append(parameters(run.model))
    assert all(map(torch.equal, *ends))


@pytest.mark.parametrize(("name", "track"), LISTED)
def test_one_that_is_killed_goes_on_to_the_same_bits(name, track, tmp_path, monkeypatch):
    """At the third update; one that trains nothing has no such state."""
    settings, saving = quick(name), Computing(checkpoint_seconds=0.0)
    made, end, original = 0, math.inf, loop._Update.made

    def counted(*arguments):
        nonlocal made
        made += 1
        if made == end:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(loop._Update, "made", counted)
    whole = attacked(track, tmp_path / "whole", saving)
    ATTACK[name].change(whole, settings)
    if not made:
        return
    made, end = 0, min(made, 3)
    with pytest.raises(KeyboardInterrupt):
        ATTACK[name].change(attacked(track, tmp_path / "killed", saving), settings)
    run = attacked(track, tmp_path / "killed", saving)
    ATTACK[name].change(run, settings)
    assert all(map(torch.equal, whole.model.parameters(), run.model.parameters()))


@pytest.mark.parametrize("tune", ["full", "lora"])
def test_relearning_learns_some_of_the_forgotten_and_looks_at_the_rest(tune, tmp_path):
    """Five texts, of which a hash of the ids takes the half, whatever the model; the ids of these
    are told, and what is watched of `forget` are the others."""
    run = attacked("causal", tmp_path)
    ids = run.records["forget"]["record_id"].tolist()
    learnt = relearn.chosen(ids, 0.5)
    before = nll(dataclasses.replace(run, sets=some(run, learnt)), "forget")
    shown = relearn.change(run, relearn.Settings(**QUICK, tune=tune))
    assert shown == [name for name, one in zip(ids, learnt, strict=True) if one]
    assert 0 < len(shown) < len(ids)
    assert nll(dataclasses.replace(run, sets=some(run, learnt)), "forget") < before
    told = run.report()["watched"]
    assert [one["relearnt_n"] for one in told] == [len(shown)] * 4
    assert [one["forget_n"] for one in told] == [len(ids) - len(shown)] * 4
    assert told[0]["update"] == 0 and run.report()["steps"] == told[-1]["update"]


def some(run, chosen: np.ndarray) -> dict:
    return {"forget": run.track.subset(run.sets["forget"], np.flatnonzero(chosen))}


def test_of_other_text_nothing_forgotten_is_shown(tmp_path):
    run = attacked("causal", tmp_path)
    before = nll(run, "retain")
    assert relearn.change(run, relearn.Settings(**QUICK, text="retain", share=1.0)) == []
    assert nll(run, "retain") < before
    assert run.report()["watched"][0].keys() == {"update", "forget_n", "relearnt_n"}
    assert run.report()["watched"][0]["forget_n"] == 5


def test_the_same_records_are_chosen_of_any_selection_and_as_many_as_the_share():
    ids = [f"record {number}" for number in range(4000)]
    half = relearn.chosen(ids, 0.5)
    assert abs(half.mean() - 0.5) < 0.03 and abs(relearn.chosen(ids, 0.1).mean() - 0.1) < 0.02
    assert (relearn.chosen(ids[::-1], 0.5)[::-1] == half).all()
    assert not (relearn.chosen(ids, 0.1) & ~half).any(), "a larger share holds a smaller one"


@pytest.mark.parametrize(("share", "text"), [(0.0, "forget"), (1.0, "forget"), (0.0, "retain")])
def test_where_nothing_is_learnt_or_nothing_is_left_to_look_at_it_says_so(share, text, tmp_path):
    with pytest.raises(Unchanged, match="of 9 records are learnt" if text == "retain" else "of 5"):
        relearn.change(attacked("causal", tmp_path), relearn.Settings(share=share, text=text))


def test_names_of_attacks_and_of_models_after_them():
    assert is_attack("relearn") and is_attack("relearn-other") and not is_attack("learn")
    assert attack_of("relearn-other_text").label == "relearning, other text"
    assert split("npo-batch+relearn") == ("npo-batch", "relearn") and split("npo") == ("npo", "")
