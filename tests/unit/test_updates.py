"""Each setting of a training reaches its updates: held against AdamW by hand, with settings under
which every one of them acts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from looping import train

from palimpsest.methods.run import Models, Run
from palimpsest.training import loop
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Training

INPUTS, TARGETS = np.array([[1.0, -2.0], [0.5, 3.0], [-1.5, 1.0]]), np.array([2.0, -1.0, 0.5])
WEIGHT, BIAS = np.array([0.3, -0.8]), 0.4
SETTINGS = {
    "batch_size": 3,
    "micro_batch_size": None,
    "learning_rate": 0.1,
    "warmup_share": 0.5,
    "weight_decay": 0.3,
    "betas": (0.5, 0.8),
    "clip_norm": 0.2,
    "schedule": "linear",
    "precision": "no",
    "threads": 1,
    "gpus": 0,
    "checkpoint_seconds": 1e9,
}
OTHERS = {
    "learning_rate": 0.05,
    "warmup_share": 0.0,
    "weight_decay": 0.0,
    "betas": (0.9, 0.999),
    "clip_norm": None,
    "schedule": "constant",
}


@dataclass(frozen=True)
class Numbers:
    """Three examples of two numbers and a target."""

    lengths = np.array([2, 2, 2])
    counted = np.array([1, 1, 1])

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        return {"inputs": torch.tensor(INPUTS[indices]), "targets": torch.tensor(TARGETS[indices])}


def squared(model, batch) -> torch.Tensor:
    return ((model(batch["inputs"])[:, 0] - batch["targets"]) ** 2).sum()


def trained(tmp_path, settings: dict, updates: int = 4) -> tuple[np.ndarray, float]:
    model = torch.nn.Linear(2, 1).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor(WEIGHT[None]))
        model.bias.fill_(BIAS)
    model, _ = train(
        model,
        Objective({"train": Part(Numbers(), squared)}),
        settings,
        updates,
        ("s",),
        tmp_path / "resume",
        "print",
    )
    return model.weight.detach().numpy()[0], float(model.bias.detach())


def by_hand(rates: list[float], settings: dict) -> tuple[np.ndarray, float]:
    """The mean over three examples; the matrix decays, the bias does not; gradients are cut to
    their norm over both."""
    values, first, second = np.append(WEIGHT, BIAS), np.zeros(3), np.zeros(3)
    one, two = settings["betas"]
    decays = np.array([1, 1, 0]) * settings["weight_decay"]
    for number, rate in enumerate(rates, 1):
        errors = INPUTS @ values[:2] + values[2] - TARGETS
        slope = 2 / 3 * np.append(errors @ INPUTS, errors.sum())
        if settings["clip_norm"] is not None:
            slope *= min(1, settings["clip_norm"] / (np.linalg.norm(slope) + 1e-6))
        first, second = one * first + (1 - one) * slope, two * second + (1 - two) * slope**2
        values = values * (1 - rate * decays)
        values -= rate * (first / (1 - one**number)) / (np.sqrt(second / (1 - two**number)) + 1e-8)
    return values[:2], values[2]


@pytest.mark.parametrize("changed", [None, *OTHERS])
def test_updates_are_adamw_with_every_setting(tmp_path, changed):
    """Rates by hand: of four updates two warm up, by thirds; then down to 0 in two steps, or on."""
    settings = SETTINGS | ({changed: OTHERS[changed]} if changed else {})
    peak = settings["learning_rate"]
    rates = [peak / 3, 2 * peak / 3, peak, peak / 2]
    if changed == "warmup_share":
        rates = [peak, 3 * peak / 4, peak / 2, peak / 4]
    elif changed == "schedule":
        rates = [peak / 3, 2 * peak / 3, peak, peak]
    weight, bias = trained(tmp_path, settings)
    expected = by_hand(rates, settings)
    np.testing.assert_allclose(np.append(weight, bias), np.append(*expected), rtol=1e-9)
    if changed:
        before = trained(tmp_path / "before", SETTINGS)
        assert not np.allclose(np.append(weight, bias), np.append(*before), rtol=1e-6), (
            f"{changed} does not act"
        )


@pytest.mark.parametrize(
    "way",
    [{}, {"join": lambda means: means["train"]}, {"direction": lambda found: found["train"]}],
    ids=["weighted", "joined", "directed"],
)
def test_dropout_draws_another_mask_at_each_update_and_the_same_after_a_resume(tmp_path, way):
    """Masks are keyed by names and update; so a training that goes on has those that it would have
    had. Whatever is made of the parts."""

    def masks(folder, names=("s",), start: int = 0) -> list[bytes]:
        found = []

        class Noted(torch.nn.Linear):
            def forward(self, inputs):
                kept = torch.nn.functional.dropout(torch.ones(64), 0.5, self.training)
                found.append(kept.numpy().tobytes())
                return super().forward(inputs)

        model = Noted(2, 1).double()
        settings = SETTINGS | {"checkpoint_seconds": 0.0}
        train(
            model,
            Objective({"train": Part(Numbers(), squared)}, **way),
            settings,
            4,
            names,
            folder,
            "print",
        )
        return found

    whole = masks(tmp_path / "a")
    assert len(set(whole)) == 4
    assert masks(tmp_path / "b") == whole and not set(masks(tmp_path / "c", ("t",))) & set(whole)
    shutil.rmtree(tmp_path / "a" / "step4")
    assert masks(tmp_path / "a") == whole[3:]


class OneOfTwo:
    """A process that sees its own share alone; both together are the whole."""

    num_processes, device = 2, torch.device("cpu")

    def __init__(self, index: int):
        self.process_index = index

    def backward(self, value: torch.Tensor) -> None:
        value.backward()

    def reduce(self, value: torch.Tensor, how: str) -> torch.Tensor:
        return value


def test_two_processes_that_average_their_gradients_make_the_update_of_one():
    """Two examples with one, the third with the other: the gradient of the mean over three, and
    shares of that mean which add up to it. Each draws dropout of its own."""
    objective = Objective({"train": Part(Numbers(), squared)})
    gradients, means, drawn = [], [], set()
    for index in (0, 1, None):
        torch.manual_seed(0)
        model = torch.nn.Linear(2, 1).double()
        if index is None:
            mean = squared(model, Numbers().batch(np.arange(3))) / 3
            mean.backward()
        else:
            given = OneOfTwo(index), model, objective, {"train": np.arange(3)}, Training(), ("s", 0)
            mean = loop._Update(*given)._means()["train"]
            drawn.add(torch.initial_seed())
        gradients.append(model.weight.grad)
        means.append(float(mean.detach()))
    assert torch.allclose((gradients[0] + gradients[1]) / 2, gradients[2])
    assert means[0] + means[1] == pytest.approx(means[2]) and len(drawn) == 2


def test_frozen_models_and_the_reference_have_no_dropout(tmp_path):
    """Whoever they are asked by: what a model is held against is one thing."""

    def noisy() -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Dropout(0.5)).train()

    models = Models(["a"], lambda name: noisy())
    run = Run(noisy(), {}, None, ("s",), load=noisy, folder=tmp_path, models=models)
    for model in (run.models["a"], run.reference):
        inputs = torch.ones(1, 4)
        assert torch.equal(model(inputs), model(inputs)) and not any(
            weight.requires_grad for weight in model.parameters()
        )
