"""What an objective may have beside its loss: a direction, new examples, masks of what is
trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from looping import train

from palimpsest.training import loop
from palimpsest.training.objective import Objective, Part
from palimpsest.training.resume import load_state

SETTINGS = {
    "batch_size": 2, "learning_rate": 0.1, "weight_decay": 0.3, "clip_norm": None,
    "schedule": "constant", "checkpoint_seconds": 1e9,
}  # fmt: skip


class Points:
    """Rows of numbers, of which a loss takes the mean of what a linear map gives."""

    def __init__(self, rows: list[list[float]]):
        self.rows = torch.tensor(rows, dtype=torch.float32)
        self.lengths = self.counted = np.ones(len(rows), dtype=np.int64)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        return {"rows": self.rows[torch.from_numpy(indices)]}


def loss(model, batch) -> torch.Tensor:
    return model(batch["rows"]).sum()


def linear() -> torch.nn.Linear:
    model = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -1.0]]))
    return model


def test_a_direction_is_given_the_gradients_of_the_means_and_what_it_gives_is_followed(tmp_path):
    """Gradients of the means over (1, 0), (3, 0) and over (0, 4), (0, 8): (2, 0) and (0, 6).
    AdamW's first step has the sign of what is given: down the first weight, up the second."""
    seen = []

    def direction(gradients):
        seen.append({name: one["weight"].tolist() for name, one in gradients.items()})
        return {"weight": gradients["a"]["weight"] - gradients["b"]["weight"]}

    parts = {"a": Part(Points([[1, 0], [3, 0]]), loss), "b": Part(Points([[0, 4], [0, 8]]), loss)}
    objective = Objective(parts, {"a": 1.0, "b": 10.0}, direction=direction)
    settings = SETTINGS | {"weight_decay": 0.0}
    model, report = train(linear(), objective, settings, 1, ("s",), tmp_path / "a", "p")
    assert seen == [{"a": [[2.0, 0.0]], "b": [[0.0, 6.0]]}]
    assert model.weight.tolist() == [[pytest.approx(0.9), pytest.approx(-0.9)]]
    assert report["curve"] == [[1, pytest.approx(2 * 1 + 10 * -6)]]
    cut, _ = train(
        linear(), objective, settings | {"micro_batch_size": 1}, 1, ("s",), tmp_path / "b", "p"
    )
    assert seen[1] == seen[0] and torch.equal(cut.weight, model.weight)


def test_before_each_epoch_there_may_be_new_examples(tmp_path):
    """Three epochs of one update: the slope is what the epoch's examples are."""
    seen = []

    def noted(model, batch) -> torch.Tensor:
        seen.append(batch["rows"].tolist())
        return loss(model, batch)

    objective = Objective(
        {"a": Part(Points([[9.0, 9.0]]), noted)},
        refresh=lambda epoch: {"a": Points([[float(epoch), 1.0]])},
    )
    train(linear(), objective, SETTINGS, 3, ("s",), tmp_path, "p")
    assert seen == [[[0.0, 1.0]], [[1.0, 1.0]], [[2.0, 1.0]]]
    more = replace(objective, refresh=lambda epoch: {"a": Points([[0.0, 1.0]] * 2)})
    with pytest.raises(ValueError, match="the first part has 2 examples, not 1"):
        train(linear(), more, SETTINGS, 1, ("s",), tmp_path / "other", "p")
    fewer = replace(more, parts={"a": Part(Points([[0.0, 1.0]] * 3), loss)})
    with pytest.raises(ValueError, match="the first part has 2 examples, not 3"):
        fewer.before(0)


class Two(torch.nn.Module):
    """Two maps, of which the second is laid on the first."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)

    def forward(self, rows):
        return self.second(self.first(rows))


@pytest.mark.parametrize("updates", [1, 4])
def test_what_is_masked_keeps_its_bits_under_weight_decay_too(tmp_path, updates):
    """A whole parameter, and single elements of one; the others move."""
    mask = torch.zeros(3, 2, dtype=torch.bool)
    mask[1, 0] = mask[2, 1] = True
    model, before = Two(), {name: value.clone() for name, value in Two().state_dict().items()}
    objective = Objective({"a": Part(Points([[1.0, 2.0], [0.5, -1.0]]), loss)})
    masks = {"first.weight": mask, "second.weight": True}
    train(model, objective, SETTINGS, updates, ("s",), tmp_path, "p", masks=masks)
    now = model.state_dict()
    assert torch.equal(now["first.weight"][~mask], before["first.weight"][~mask])
    assert (now["first.weight"][mask] != before["first.weight"][mask]).all()
    assert (now["second.weight"] != before["second.weight"]).all()
    for name in ("first.bias", "second.bias"):
        assert torch.equal(now[name], before[name])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_what_was_frozen_before_a_masked_training_is_frozen_after_it(tmp_path):
    model = Two()
    model.first.bias.requires_grad_(False)
    objective, masks = Objective({"a": Part(Points([[1.0, 2.0]]), loss)}), {"second.weight": True}
    train(model, objective, SETTINGS, 1, ("s",), tmp_path, "p", masks=masks)
    frozen = [name for name, one in model.named_parameters() if not one.requires_grad]
    assert frozen == ["first.bias"]


def test_a_gradient_is_clipped_by_what_is_trained_of_it(tmp_path, monkeypatch):
    """(3, 4), of which the second element stays: its norm is 3, not 5, and SGD goes one rate
    down."""
    monkeypatch.setattr(
        loop.torch.optim, "AdamW", lambda groups, lr, betas, fused: torch.optim.SGD(groups, lr=lr)
    )
    objective = Objective({"a": Part(Points([[3.0, 4.0]]), loss)})
    settings = SETTINGS | {"clip_norm": 1.0, "weight_decay": 0.0}
    masks = {"weight": torch.tensor([[True, False]])}
    model, _ = train(linear(), objective, settings, 1, ("s",), tmp_path, "p", masks=masks)
    assert model.weight.tolist() == [[pytest.approx(0.9), -1.0]]


def test_a_direction_is_clipped_as_a_gradient_is(tmp_path, monkeypatch):
    """Of twice (3, 4) the norm is 10: SGD goes (0.6, 0.8) times the rate down."""
    monkeypatch.setattr(
        loop.torch.optim, "AdamW", lambda groups, lr, betas, fused: torch.optim.SGD(groups, lr=lr)
    )
    objective = Objective(
        {"a": Part(Points([[3.0, 4.0]]), loss)},
        direction=lambda found: {"weight": 2 * found["a"]["weight"]},
    )
    settings = SETTINGS | {"clip_norm": 1.0, "weight_decay": 0.0}
    model, _ = train(linear(), objective, settings, 1, ("s",), tmp_path, "p")
    assert model.weight.tolist() == [[pytest.approx(0.94), pytest.approx(-1.08)]]


def test_a_mask_of_another_shape_or_of_no_parameter_is_refused(tmp_path):
    objective = Objective({"a": Part(Points([[1.0, 2.0]]), loss)})
    for masks, said in (
        ({"first.weight": torch.ones(2, 2, dtype=torch.bool)}, "first.weight: a mask"),
        ({"third.weight": True}, "third.weight"),
    ):
        with pytest.raises((ValueError, KeyError), match=said):
            train(Two(), objective, SETTINGS, 1, ("s",), tmp_path, "p", masks=masks)


def test_a_phase_that_others_follow_keeps_its_end(tmp_path):
    """Though no state was due: saved after the last update alone."""
    objective = Objective({"a": Part(Points([[1.0, 2.0]] * 5), loss)})
    settings = SETTINGS | {"batch_size": 5}
    model, _ = train(
        linear(), objective, settings, 3, ("s",), tmp_path / "phase", "p", goes_on=True
    )
    again = linear()
    step, _ = load_state(tmp_path / "phase", "p", again, torch.optim.AdamW(again.parameters()))
    assert step == 3 and torch.equal(again.weight, model.weight)
