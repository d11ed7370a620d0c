"""What a method is given: further models, phases of training, results that survive a kill, cost."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from cases import parameters
from tiny import move, run_of

from palimpsest.methods import run as run_module
from palimpsest.methods.contract import Trained
from palimpsest.methods.run import Models
from palimpsest.training import loop
from palimpsest.training.examples import WithConstants
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Computing

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


def test_seconds_of_phases_add_up_and_memory_is_the_most_of_any(tmp_path):
    run, same = run_of("causal", tmp_path), {"tokens": 1, "examples": 1, "steps": 1, "curve": []}
    for name, seconds, most in (("first", 2.0, 70), ("train", 0.5, 60), ("last", 1.0, 50)):
        run.phases[name] = same | {"seconds": seconds, "peak_mb": most}
    report = run.report()
    assert (report["seconds"], report["peak_mb"]) == (3.5, 70)


def test_the_phase_that_trains_is_watched_and_no_other(tmp_path):
    run = run_of("causal", tmp_path)
    run.watch = SimpleNamespace(of=lambda objective: lambda model, earlier: ({"n": 1.0}, False))
    for phase in ("first", "train"):
        run.train(nothing_but(run), SHORT, phase)
    assert [len(run.phases[phase]["watched"]) for phase in ("first", "train")] == [0, 3]


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


def test_what_is_kept_anew_takes_the_place_of_what_was_kept(tmp_path):
    """A list of one fingerprint that of tensors of another, also when it is asked for again."""
    run = run_of("causal", tmp_path)
    run.kept("it", lambda: {"a": torch.ones(2)})
    for _ in range(2):
        other = run_of("causal", tmp_path)
        other.fingerprint = "other"
        assert other.kept("it", lambda: [1, 2]) == [1, 2]


def test_tokens_of_further_passes_are_part_of_the_cost(tmp_path):
    run = run_of("causal", tmp_path)
    run.train(nothing_but(run), SHORT)
    run.spent(100), run.spent(11)
    report = run.report()
    assert report["spent"] == 111
    assert report["tokens"] == run.phases["train"]["tokens"] + 111


def test_what_is_noted_stands_in_the_report(tmp_path):
    """Once: a second note of a name would hide the first."""
    run = run_of("causal", tmp_path)
    assert "noted" not in run.report()
    run.note("pairs", 3), run.note("left_out", [{"record_id": "r1"}])
    assert run.report()["noted"] == {"pairs": 3, "left_out": [{"record_id": "r1"}]}
    with pytest.raises(ValueError, match="'pairs' was noted already"):
        run.note("pairs", 4)


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


def test_what_is_watched_counts_on_through_looks_and_a_training(tmp_path):
    """Two looks, a training of two updates, and one more look: each update once."""
    run = run_of("causal", tmp_path)
    counted = iter(range(9))
    told = lambda: {"n": float(next(counted))}  # noqa: E731
    run.watch = SimpleNamespace(
        numbers=lambda model: told(), of=lambda objective: lambda model, earlier: (told(), False)
    )
    run.look(), run.look()
    run.train(nothing_but(run), SHORT)
    run.look()
    watched = [(one["update"], one["n"]) for one in run.report()["watched"]]
    assert watched == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]


def test_each_name_has_a_result_of_its_own(tmp_path):
    names = ["round.1", "round.2", "round", "a/b", "a", "..", "r\u00e9sum\u00e9", ""]
    run = run_of("causal", tmp_path)
    assert [run.kept(name, lambda name=name: [name]) for name in names] == [[n] for n in names]
    again = run_of("causal", tmp_path)
    assert [again.kept(name, lambda: None) for name in names] == [[name] for name in names]


def test_kept_tensors_are_on_the_device_of_the_run_whether_made_now_or_before(tmp_path):
    for _ in range(2):
        run = run_of("causal", tmp_path)
        run.device = torch.device("meta")
        value = run.kept("it", lambda: {"a": torch.ones(2, requires_grad=True)})
        assert value["a"].device.type == "meta" and not value["a"].requires_grad


def test_a_kept_result_whose_file_is_gone_is_made_and_paid_once_more_but_told_once(tmp_path):
    run = run_of("causal", tmp_path)
    for _ in range(2):
        assert run.kept("it", lambda: run.spent(70) or [1]) == [1]
        (tmp_path / "resume" / "kept" / "it.json").unlink()
    assert run.report()["spent"] == 70


def test_a_kill_leaves_no_record_beside_tensors_of_another_run(tmp_path, monkeypatch):
    """Between the tensors of a second run and their record; then the first runs once more."""
    make = lambda value: lambda: {"a": torch.full((2,), value)}  # noqa: E731
    run_of("causal", tmp_path).kept("it", make(1.0))
    other = run_of("causal", tmp_path)
    other.fingerprint = "other"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(run_module, "write_json", Mock(side_effect=KeyboardInterrupt))
        other.kept("it", make(2.0))
    assert run_of("causal", tmp_path).kept("it", make(1.0))["a"].tolist() == [1, 1]


# --- killed and resumed ---------------------------------------------------------------------------


@pytest.fixture
def resumed(tmp_path, monkeypatch):
    """``resumed(change)``: the reports and weights of a run that is never killed, and of runs that
    are, after each of their updates; each goes on once. change(run) trains three epochs of three
    updates."""
    made, original = 0, loop._Update.made

    def counted(*arguments):
        nonlocal made
        if made == stop:
            raise KeyboardInterrupt
        made += 1
        return original(*arguments)

    def of(change):
        nonlocal made, stop
        ends = []
        for stop in range(-1, 9):
            folder = tmp_path / str(stop)
            for again in [False, True] if stop >= 0 else [True]:
                made, stop = 0, -1 if again else stop
                run = run_of("causal", folder, Computing(checkpoint_seconds=1e-9))
                if again:
                    change(run)
                else:
                    with pytest.raises(KeyboardInterrupt):
                        change(run)
            ends.append((run.report(), parameters(run.model)))
        return ends[0], ends[1:]

    stop = -1
    monkeypatch.setattr(loop._Update, "made", counted)
    return of


THREE = Trained(epochs=3, learning_rate=1e-2, batch_size=2)


def spending(run, where: str) -> Objective:
    """What spends 100 tokens in each epoch, or with each loss, or 70 once."""

    def refresh(epoch: int) -> dict:
        if where == "refresh":
            run.spent(100)
        elif where == "kept":
            run.kept(f"epoch.{epoch}", lambda: run.spent(70))
        return {}

    def loss(model, batch) -> torch.Tensor:
        if where == "loss":
            run.spent(100)
        return run.likelihood(model, batch)

    parts = {"forget": Part(run.sets["forget"], loss)}
    return Objective(parts, refresh=None if where == "loss" else refresh)


@pytest.mark.parametrize(
    ("where", "tokens"), [("refresh", 300), ("kept", 210), ("loss", 900), ("between", 7)]
)
def test_a_resumed_run_tells_the_cost_of_one_that_was_never_killed(resumed, where, tokens):
    def change(run) -> None:
        if where == "between":
            run.spent(7)
        run.train(spending(run, where), THREE)

    (whole, _), others = resumed(change)
    assert whole["spent"] == tokens
    for report, _ in others:
        assert (report["spent"], report["tokens"]) == (tokens, whole["tokens"])


@pytest.mark.parametrize("phase", ["train", "sampling"])
def test_new_examples_are_the_same_ones_after_a_kill(resumed, phase):
    """They weigh each text by what the model says of it, with dropout where that is active, and
    by a draw."""

    def change(run) -> None:
        examples = run.sets["forget"]
        for layer in run.model.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.3

        def refresh(epoch: int) -> dict:
            with torch.no_grad():
                said = run.losses(run.model, examples.batch(np.arange(5)))
            return {"forget": WithConstants(examples, {"weight": said + torch.rand(5)})}

        def loss(model, batch) -> torch.Tensor:
            weight = batch.pop("weight")
            return (weight * run.losses(model, batch)).sum()

        weighed = WithConstants(examples, {"weight": np.ones(5)})
        objective = Objective({"forget": Part(weighed, loss)}, refresh=refresh)
        run.train(objective, THREE, phase)

    (whole, weights), others = resumed(change)
    for report, found in others:
        assert all(map(torch.equal, found, weights))
        assert report["examples"] == whole["examples"]


@pytest.mark.parametrize("stops", [False, True])
def test_a_finished_phase_is_not_repeated_whatever_its_name(tmp_path, monkeypatch, stops):
    """Two updates, or one where it stops after the first; then a kill in the next phase. No state
    is due but the last."""

    def change(run) -> None:
        watch = lambda model, earlier: ({"n": 1.0}, stops and len(earlier) == 1)  # noqa: E731
        run.watch = SimpleNamespace(of=lambda objective: watch)
        run.train(nothing_but(run), SHORT)
        run.train(nothing_but(run, "retain"), SHORT, "second")

    original, updates = loop._Update.made, []

    def counted(update, *arguments):
        updates.append(update.names[1:-1])
        if kill and updates[-1] == ("second",):
            raise KeyboardInterrupt
        return original(update, *arguments)

    monkeypatch.setattr(loop._Update, "made", counted)
    kill = True
    with pytest.raises(KeyboardInterrupt):
        change(run_of("causal", tmp_path))
    kill = False
    updates.clear()
    run = run_of("causal", tmp_path)
    change(run)
    assert updates == [("second",)] * 2
    whole = run_of("causal", tmp_path / "whole")
    change(whole)
    assert all(map(torch.equal, run.model.parameters(), whole.model.parameters()))
    assert run.report()["watched"] == whole.report()["watched"]
    assert len(run.report()["watched"]) == (2 if stops else 3)
