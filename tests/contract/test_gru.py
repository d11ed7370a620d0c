"""GRU: the one-sided projection, and the average that it takes over."""

from __future__ import annotations

import pytest
import torch
from tiny import run_of

from palimpsest.methods import gru
from palimpsest.methods.within import Within
from palimpsest.training import loop
from palimpsest.training.settings import Computing


def test_what_raises_the_retained_loss_is_taken_out_of_the_step():
    """(-3, 1) against (2, 0): what is left is (0, 1), normal to it. (1, 1) does not raise it, and
    stays; so does anything where there is no retained gradient."""
    retain = {"weight": torch.tensor([2.0, 0.0])}
    for forget, left in (([-3.0, 1.0], [0, 1]), ([1.0, 1.0], [1, 1])):
        found = gru.rectified({"weight": torch.tensor(forget)}, retain)["weight"]
        assert found.tolist() == left
    nothing = {"weight": torch.zeros(2)}
    assert gru.rectified({"weight": torch.tensor([-3.0, 1.0])}, nothing)["weight"].tolist() == [
        -3,
        1,
    ]


def test_it_takes_over_a_fifth_of_the_average_before():
    """Retained gradients (1, 0), then (0, 1): m is (0.8, 0), then (0.16, 0.8). Forgetting along
    (0, -1) is free at first; then -0.8 / 0.6656 times m is taken out."""
    way = gru.Rectifying(None, 0.8, per_epoch=5)
    forget = {"w": torch.tensor([0.0, -1.0])}
    first = way.direction({"forget": forget, "retain": {"w": torch.tensor([1.0, 0.0])}})
    assert first["w"].tolist() == [0, -1] and way.average["w"].tolist() == pytest.approx([0.8, 0])
    second = way.direction({"forget": forget, "retain": {"w": torch.tensor([0.0, 1.0])}})
    assert way.average["w"].tolist() == pytest.approx([0.16, 0.8])
    taken = 0.8 / (0.16**2 + 0.8**2)
    assert second["w"].tolist() == pytest.approx([0.16 * taken, -1 + 0.8 * taken])


@pytest.mark.parametrize("newest", [0.3, 1.0])
def test_a_kill_right_after_a_state_was_saved_loses_no_average(newest, tmp_path, monkeypatch):
    """Of two epochs of two updates: the state is that of the end of the first."""
    settings = gru.Settings(
        newest=newest, epochs=2, batch_size=3, learning_rate=1e-2, dropout=False
    )
    saving = Computing(checkpoint_seconds=0.0)
    whole = run_of("classification", tmp_path / "whole", saving)
    gru.METHOD.change(whole, settings)
    original = loop.save_state

    def saved(folder, step, *arguments):
        original(folder, step, *arguments)
        if step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", saved)
    with pytest.raises(KeyboardInterrupt):
        gru.METHOD.change(run_of("classification", tmp_path / "killed", saving), settings)
    monkeypatch.undo()
    run = run_of("classification", tmp_path / "killed", saving)
    gru.METHOD.change(run, settings)
    assert all(map(torch.equal, run.model.parameters(), whole.model.parameters()))


def test_a_budget_gives_epochs_another_length(tmp_path, monkeypatch):
    """The average is kept at the end of those, so that a kill loses none."""
    settings = gru.Settings(newest=0.3, batch_size=3, learning_rate=1e-2, dropout=False)
    saving = Computing(checkpoint_seconds=0.0)

    def within(name: str) -> Within:
        return Within.of(run_of("causal", tmp_path / name, saving), 700, ("train",))

    whole, original = within("whole"), loop.save_state
    gru.METHOD.change(whole, settings)

    def saved(*arguments):
        original(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_state", saved)
    with pytest.raises(KeyboardInterrupt):
        gru.METHOD.change(within("killed"), settings)
    monkeypatch.undo()
    run = within("killed")
    gru.METHOD.change(run, settings)
    assert all(map(torch.equal, run.model.parameters(), whole.model.parameters()))


def test_the_average_makes_a_difference(tmp_path):
    ends = []
    for newest in (1.0, 0.3):
        run = run_of("classification", tmp_path / str(newest))
        gru.METHOD.change(run, gru.Settings(newest=newest, epochs=2, batch_size=3, dropout=False))
        ends.append(run.model.state_dict())
    assert any(not torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
