"""What a method is given: further models, phases of training, results that survive a kill, cost."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cases import parameters
from tiny import move, run_of

from palimpsest.methods.contract import Trained
from palimpsest.methods.run import Models
from palimpsest.training.objective import Objective, Part

SHORT = Trained(epochs=2, learning_rate=1e-2)


def nothing_but(run, name="forget") -> Objective:
    return Objective({name: Part(run.sets[name], run.likelihood)})


def test_models_are_loaded_when_asked_for_and_the_last_two_are_kept():
    loaded = []

    def load(name: str) -> torch.nn.Module:
        loaded.append(name)
        return torch.nn.Dropout().train()

    models = Models(["a", "b", "c"], load)
    assert list(models) == ["a", "b", "c"] and len(models) == 3 and loaded == []
    assert models["a"] is models["a"] and not models["a"].training
    assert models["b"] is not models["a"] and loaded == ["a", "b"]
    models["c"], models["a"], models["b"]  # a was asked for after b, so c takes b's place
    assert loaded == ["a", "b", "c", "b"]


def test_they_learn_nothing_and_others_are_not_there():
    models = Models(["a"], lambda name: torch.nn.Linear(2, 2))
    assert not any(weight.requires_grad for weight in models["a"].parameters())
    with pytest.raises(KeyError, match="kga"):
        models["kga"]


def test_phases_come_one_after_another_and_are_told_together(tmp_path):
    """Five texts an epoch; the loss curve is that of the phase `train`."""
    run = run_of("causal", tmp_path)
    run.train(nothing_but(run), SHORT, "first")
    after_first = parameters(run.model)
    run.train(nothing_but(run, "retain"), SHORT)
    assert not all(map(torch.equal, run.model.parameters(), after_first))
    report = run.report()
    assert report["steps"] == 4 and report["examples"] == 2 * 5 + 2 * 9
    tokens = [int(run.sets[name].lengths.sum()) for name in ("forget", "retain")]
    assert report["tokens"] == 2 * sum(tokens)
    assert report["curve"] == run.phases["train"]["curve"] and len(report["curve"]) == 2
    assert report["phases"]["first"]["tokens"] == 2 * tokens[0]
    with pytest.raises(ValueError, match="'first' was trained already"):
        run.train(nothing_but(run), SHORT, "first")


def test_phases_draw_apart_from_each_other(tmp_path):
    """Equal trainings from equal weights, in two phases: another order of examples, other bits."""
    ends = []
    for phase in ("first", "second", "first"):
        run = run_of("causal", tmp_path / str(len(ends)))
        run.train(nothing_but(run), Trained(epochs=3, batch_size=2, learning_rate=1e-2), phase)
        ends.append(parameters(run.model))
    assert all(map(torch.equal, ends[0], ends[2])) and not all(map(torch.equal, *ends[:2]))


def test_one_phase_alone_is_told_as_a_training_is(tmp_path):
    run = run_of("causal", tmp_path)
    run.train(nothing_but(run), SHORT)
    assert run.report() == run.phases["train"]


@pytest.mark.parametrize("value", [[[0, 3], [1, 7]], {"a": torch.arange(6.0).reshape(2, 3)}])
def test_what_is_kept_is_made_once_though_the_run_is_killed(value, tmp_path):
    """By a run of the same fingerprint; another makes it anew."""
    calls = []

    def make():
        calls.append(1)
        return value

    def same(found) -> bool:
        return found == value if isinstance(value, list) else torch.equal(found["a"], value["a"])

    assert same(run_of("causal", tmp_path).kept("it", make))
    assert same(run_of("causal", tmp_path).kept("it", make)) and len(calls) == 1
    other = run_of("causal", tmp_path)
    other.fingerprint = "other"
    assert same(other.kept("it", make)) and len(calls) == 2


def test_tokens_of_further_passes_are_part_of_the_cost(tmp_path):
    run = run_of("causal", tmp_path)
    run.train(nothing_but(run), SHORT)
    run.spent(100), run.spent(11)
    report = run.report()
    assert report["spent"] == 111
    assert report["tokens"] == run.phases["train"]["tokens"] + 111


def test_what_the_reference_says_is_that_of_the_model_on_disk_though_it_moved(tmp_path):
    run, still = run_of("causal", tmp_path), run_of("causal", tmp_path)
    move(run.model, 0.2)
    expected = still.reference_losses("forget", 2)
    assert (run.reference_losses("forget", 2) == expected).all()
    with torch.no_grad():
        one = run.sets["forget"].batch(np.array([3]))
        assert float(run.losses(still.model, one)) == pytest.approx(expected[3], rel=1e-9)


def test_what_a_kept_result_cost_counts_after_a_kill_too(tmp_path):
    """And once: not again by whoever asks for it a second time in another run."""
    for _ in range(2):
        run = run_of("causal", tmp_path)
        run.spent(5)
        assert run.kept("it", lambda run=run: run.spent(70) or [1]) == [1]
        assert run.report()["tokens"] == run.report()["spent"] == 75


def test_looks_before_a_training_stand_before_what_it_watched(tmp_path):
    run = run_of("causal", tmp_path)
    run.looks.append({"update": 0, "n": 1.0})
    run.train(nothing_but(run), SHORT)
    run.phases["train"]["watched"] = [{"update": 0, "n": 2.0}]
    assert [one["n"] for one in run.report()["watched"]] == [1.0, 2.0]
