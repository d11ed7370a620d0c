"""Plain steps, which follow a direction as it is, and parts that stand alongside the first."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from looping import train

from palimpsest.training.objective import Objective, Part

SETTINGS = {
    "learning_rate": 0.5, "batch_size": 2, "clip_norm": None, "schedule": "constant",
    "weight_decay": 0.0, "dropout": False,
}  # fmt: skip


def numbered(count: int, first: int = 0) -> SimpleNamespace:
    """Examples that are their numbers."""
    return SimpleNamespace(
        lengths=np.arange(count) % 3 + 1, counted=np.ones(count, dtype=np.int64),
        batch=lambda indices: {"number": torch.tensor(indices) + first},
    )  # fmt: skip


@pytest.mark.parametrize("plain", [True, False])
def test_a_weight_without_a_gradient_stays_where_it_is_only_in_plain_steps(plain, tmp_path):
    """First both weights move, then the first alone: 0.5 times 2 each. AdamW remembers."""
    steps = [torch.tensor([[2.0, 2.0]]), torch.tensor([[2.0, 0.0]]), torch.tensor([[2.0, 0.0]])]
    model = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    given, seen = iter(steps), []

    def direction(gradients):
        seen.append(model.weight.detach().clone())
        return {"weight": next(given)}

    def loss(model, batch):
        return model(torch.ones(len(batch["number"]), 2)).sum()

    objective = Objective(
        {"one": Part(numbered(6), loss, per="example")}, direction=direction, plain=plain
    )
    train(model, objective, SETTINGS, 1, ("plain",), tmp_path, "x")
    moved = [*(one[0, 1].item() for one in seen[1:]), model.weight[0, 1].item()]
    if plain:
        assert model.weight[0, 0].item() == -3.0 and moved == [-1.0, -1.0, -1.0]
    else:
        assert moved[0] > moved[1] > moved[2]


def test_a_part_alongside_takes_the_same_places_in_every_batch(tmp_path):
    model, seen = torch.nn.Linear(1, 1, bias=False), {"one": [], "beside": [], "other": []}

    def part(name: str, **more) -> Part:
        def loss(model, batch):
            seen[name].append(batch["number"].tolist())
            return model(batch["number"][:, None].float()).sum() * 0

        return Part(numbered(7), loss, per="example", **more)

    parts = {"one": part("one"), "beside": part("beside", alongside=True), "other": part("other")}
    objective = Objective(parts, direction=lambda gradients: gradients["one"])
    train(model, objective, SETTINGS, 3, ("alongside",), tmp_path, "x")
    assert seen["beside"] == seen["one"] != seen["other"]
    assert sorted(sum(seen["one"][:4], [])) == list(range(7))
