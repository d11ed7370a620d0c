"""MOLLM in training: on the way of each update no objective rises, to first order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import QUICK, run_of

from palimpsest.methods import gru, mollm
from palimpsest.methods.run import Run
from palimpsest.training.directions import combined
from palimpsest.training.loop import train
from palimpsest.training.objective import Gradients, Objective, Part

STEP = 1e-5  # small beside what bends the losses, large beside what float64 rounds
ROUNDED = 1e-6
OPTIONS = {"batch_size": 3, "epochs": 5, "learning_rate": 1e-2, "dropout": False}  # 10 updates


def norm(gradients: Gradients) -> float:
    return float(torch.cat([value.flatten() for value in gradients.values()]).norm())


def rises(run: Run, objective: Objective, settings, folder: Path) -> dict[str, list[float]]:
    """Train; of each objective and update, how fast its mean over the update's own batch grows on
    the way that the update takes, over how fast it can: in [-1, 1]. By differences of the losses,
    not by their gradients."""
    read: dict[str, dict[str, torch.Tensor]] = {}
    found: dict[str, list[float]] = {name: [] for name in objective.parts}

    def reading(name: str, part: Part) -> Part:
        def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            read[name] = batch
            return part.loss(model, batch)

        return replace(part, loss=loss)

    def means(way: Gradients, step: float) -> dict[str, float]:
        weights = {name: value.detach().clone() for name, value in run.model.named_parameters()}
        with torch.no_grad():
            for name, value in run.model.named_parameters():
                value.add_(way[name], alpha=step)
            values = {
                name: float(part.loss(run.model, read[name]) / read[name]["counted"].sum())
                for name, part in objective.parts.items()
            }
            for name, value in run.model.named_parameters():
                value.copy_(weights[name])
        return values

    def watching(gradients: dict[str, Gradients]) -> Gradients:
        chosen = objective.direction(gradients)
        way = {name: -value / norm(chosen) for name, value in chosen.items()}
        ahead, behind = means(way, STEP), means(way, -STEP)
        for name, gradient in gradients.items():
            slope = (ahead[name] - behind[name]) / (2 * STEP)
            # at the start KL is as low as it can be: there is no slope to compare with
            found[name].append(slope / max(norm(gradient), 1e-3))
        return chosen

    parts = {name: reading(name, part) for name, part in objective.parts.items()}
    watched = replace(objective, parts=parts, direction=watching)
    train(run.model, watched, settings, QUICK, ("rises",), folder, "rises")
    assert {len(values) for values in found.values()} == {10}
    return found


@pytest.mark.parametrize("scale", ["forget", "none"])
@pytest.mark.parametrize("join", ["dual", "mgda"])
def test_no_objective_rises_on_the_way_of_an_update(join, scale, tmp_path):
    """Of `dual` each falls, but KL at the start."""
    run, settings = run_of("causal"), mollm.Settings(join=join, scale=scale, **OPTIONS)
    found = rises(run, mollm.objective(run, settings), settings, tmp_path)
    assert max(map(max, found.values())) < ROUNDED, found
    if join == "dual":
        falling = [*found["forget"], *found["retain"], *found["kl"][1:]]
        assert max(falling) < -100 * ROUNDED


def test_against_the_weighted_sum_an_objective_rises(tmp_path):
    """In most updates here; so there is something to keep from."""
    run, settings = run_of("causal"), mollm.Settings(join="weighted", **OPTIONS)
    summed = replace(
        mollm.objective(run, settings), direction=lambda found: combined(found, [1.0] * 3)
    )
    found = rises(run, summed, settings, tmp_path)
    worst = [max(values) for values in zip(*found.values(), strict=True)]
    assert sum(value > 100 * ROUNDED for value in worst) >= 5, worst


def test_gru_keeps_the_retained_loss_from_rising(tmp_path):
    """Without an average; where forgetting would raise it, it neither rises nor falls."""
    run, settings = run_of("causal"), gru.Settings(newest=1.0, **OPTIONS)
    found = rises(run, gru.objective(run, settings), settings, tmp_path)
    assert max(found["retain"]) < ROUNDED and max(found["forget"]) < 0
    assert any(abs(value) < ROUNDED for value in found["retain"])
