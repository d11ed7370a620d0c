"""Task vectors and F-Learning: what is added and taken away, all weights and by adapters."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from cases import parameters
from peft.tuners.lora import LoraLayer
from tiny import nll, run_of

from palimpsest.methods import f_learning, fine_tuning, task_vector
from palimpsest.methods.contract import Unchanged
from palimpsest.methods.tuning import adapted, learnt
from palimpsest.models.adapters import taken_off, with_adapters
from palimpsest.models.arithmetic import add, difference, weights_of
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Training

TRAINING = {"epochs": 4, "learning_rate": 1e-2, "weight_decay": 0.0}


def tuned(run, phase: str = "tune") -> None:
    """The model after it learnt the forget set once more."""
    objective = Objective({phase: Part(run.sets["forget"], run.likelihood)})
    run.train(objective, Training(**TRAINING), phase)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_what_one_more_training_adds_is_taken_away(scale, tmp_path):
    """theta - scale (FT(theta) - theta), element by element; by hand from FT itself."""
    start, other = run_of("causal", tmp_path / "a"), run_of("causal", tmp_path / "b")
    tuned(other)
    before, after = parameters(start.model), parameters(other.model)
    task_vector.unlearn(start, task_vector.Settings(scale=scale, **TRAINING))
    for one, two, found in zip(before, after, start.model.parameters(), strict=True):
        assert torch.allclose(found, one - scale * (two - one), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("track", ["causal", "classification"])
def test_adapters_add_scaled_products_to_linear_maps_alone(track, tmp_path):
    """(alpha / r) B A of each, by hand; head, embeddings and biases stay. With the difference
    added the model says what it said with the adapters on."""
    run = run_of(track, tmp_path)
    before = weights_of(run.model)
    with_them = with_adapters(run.model, 2, 6, 0.0, "names")
    factors = {}
    generator = torch.Generator().manual_seed(1)
    for name, weight in with_them.named_parameters():
        if weight.requires_grad:
            with torch.no_grad():
                weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
            place, _, letter = name.removeprefix("base_model.model.").partition(".lora_")
            factors.setdefault(place, {})[letter[0]] = weight.detach().clone()
    said = nll(dataclasses.replace(run, model=with_them.eval()), "forget")
    vector = taken_off(with_them)
    assert set(vector) == {f"{place}.weight" for place in factors}
    assert all(name.startswith("transformer.h.") for name in vector)
    for place, pair in factors.items():
        product = 6 / 2 * pair["B"] @ pair["A"]
        assert torch.allclose(vector[f"{place}.weight"], product.T)
    assert all(torch.equal(weight, before[name]) for name, weight in run.model.named_parameters())
    assert nll(run, "forget") != pytest.approx(said)
    add(run.model, vector, 1.0)
    assert nll(run, "forget") == pytest.approx(said, rel=1e-9)


def test_adapters_begin_as_nothing_and_are_drawn_by_names(tmp_path):
    run = run_of("causal", tmp_path)
    start = nll(run, "forget")

    def drawn(*names) -> list[torch.Tensor]:
        with_them = with_adapters(run.model, 2, 4, 0.0, *names)
        first = [
            weight.detach().clone() for weight in with_them.parameters() if weight.requires_grad
        ]
        assert nll(dataclasses.replace(run, model=with_them.eval()), "forget") == start
        assert not any(value.any() for value in taken_off(with_them).values())
        return first

    assert all(map(torch.equal, drawn("a"), drawn("a")))
    assert not all(map(torch.equal, drawn("a"), drawn("b")))
    assert all(weight.requires_grad for weight in run.model.parameters())


def test_adapters_are_as_the_settings_have_them(tmp_path):
    """Rank 3, alpha 12: what they add is scaled by 4."""
    run = run_of("causal", tmp_path)
    model = adapted(run, task_vector.Settings(rank=3, alpha=12, adapter_dropout=0.25), "tune")
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
    assert len(layers) == 8
    for layer in layers:
        (name,) = layer.active_adapters
        assert (layer.r[name], layer.scaling[name], layer.lora_dropout[name].p) == (3, 4.0, 0.25)


def test_a_task_vector_is_watched_before_and_after(tmp_path):
    run = run_of("causal", tmp_path)
    start = nll(run, "forget")
    run.watch = SimpleNamespace(numbers=lambda model: {"nll": nll(run, "forget")})
    task_vector.METHOD.change(run, task_vector.Settings(**TRAINING))
    told = [(one["update"], one["nll"]) for one in run.report()["watched"]]
    assert told == [(0, start), (1, nll(run, "forget"))] and told[1][1] > start


def test_a_task_vector_of_adapters_leaves_all_that_has_none(tmp_path):
    run = run_of("causal", tmp_path)
    before = weights_of(run.model)
    settings = task_vector.Settings(tune="lora", scale=3.0, adapter_dropout=0.0, **TRAINING)
    known = nll(run, "forget")
    task_vector.unlearn(run, settings)
    moved = {
        name
        for name, weight in run.model.named_parameters()
        if not torch.equal(weight, before[name])
    }
    assert moved and all(".c_" in name and name.endswith("weight") for name in moved)
    assert nll(run, "forget") > known


@pytest.mark.parametrize("forget", ["full", "lora"])
@pytest.mark.parametrize("learn", ["full", "lora"])
def test_f_learning_takes_the_old_away_and_then_learns_the_new(forget, learn, tmp_path):
    """theta' by hand, from the difference alone; from there the refusals become likelier."""
    settings = f_learning.Settings(
        forget=forget, learn=learn, scale=0.7, forget_epochs=4, forget_learning_rate=1e-2,
        epochs=3, learning_rate=1e-2, weight_decay=0.0, adapter_dropout=0.0, answer="no",
    )  # fmt: skip
    first = run_of("causal", tmp_path / "first")
    adapters = settings if forget == "lora" else None
    training = dataclasses.replace(settings, epochs=4)
    vector = learnt(first, first.sets["forget"], "forget", training, adapters)
    run = run_of("causal", tmp_path / "whole")
    add(first.model, vector, -0.7)

    def refusing(one) -> float:
        answers = one.encode(one.records["forget"].assign(completion="no"))
        return nll(dataclasses.replace(one, sets={"new": answers}), "new")

    f_learning.unlearn(run, settings)
    assert refusing(run) < refusing(first)
    moved = difference(run.model, weights_of(first.model))
    assert any(step.any() for step in moved.values())
    if learn == "lora":
        assert not any(step.any() for name, step in moved.items() if "ln_" in name)
        answers = first.encode(first.records["forget"].assign(completion="no"))
        model = adapted(first, settings, "learn")
        second = Objective({"learn": Part(answers, first.likelihood)})
        first.train(second, settings, model=model)
        add(first.model, taken_off(model), 1.0)  # whole, whatever was taken away
        assert all(map(torch.equal, run.model.parameters(), first.model.parameters()))
    assert list(run.phases) == ["forget", "train"]


def test_without_updates_in_the_second_stage_f_learning_is_a_task_vector(tmp_path):
    one, other = run_of("causal", tmp_path / "a"), run_of("causal", tmp_path / "b")
    vector = learnt(other, other.sets["forget"], "forget", Training(**TRAINING), None)
    add(other.model, vector, -0.5)
    settings = f_learning.Settings(
        scale=0.5, forget_epochs=4, forget_learning_rate=1e-2, weight_decay=0.0, epochs=0
    )
    f_learning.unlearn(one, settings)
    assert all(map(torch.equal, one.model.parameters(), other.model.parameters()))


def test_what_f_learning_learns_are_the_same_prompts_with_the_new_answer(tmp_path):
    run = run_of("causal", tmp_path)
    seen, encode = [], run.encode
    run.encode = lambda frame: seen.append(frame) or encode(frame)
    f_learning.unlearn(run, f_learning.Settings(answer="no", epochs=1, forget_epochs=1))
    (new,) = seen
    assert new["completion"].tolist() == ["no"] * 5
    assert new["prompt"].tolist() == run.records["forget"]["prompt"].tolist()


def test_new_answers_are_those_of_the_records_that_have_one(tmp_path):
    """K_new: the same prompts with these; K_old stays all of the forget set. Plain fine-tuning
    learns the same."""
    run = run_of("causal", tmp_path)
    run.records["forget"]["new_answer"] = ["a page", "", "a nun", "", "a fool"]
    seen, encode = [], run.encode
    run.encode = lambda frame: seen.append(frame) or encode(frame)
    f_learning.unlearn(run, f_learning.Settings(answers="new", epochs=1, forget_epochs=1))
    assert run.phases["forget"]["examples"] == 5 and run.phases["train"]["examples"] == 3
    other = run_of("causal", tmp_path / "other")
    other.records, other.encode = run.records, run.encode
    fine_tuning.unlearn(other, fine_tuning.Settings(answers="new", epochs=1))
    for told in seen:
        assert told["completion"].tolist() == ["a page", "a nun", "a fool"]
        assert told["prompt"].tolist() == run.records["forget"]["prompt"].tolist()[::2]
    assert len(seen) == 2 and list(other.phases) == ["train"]


@pytest.mark.parametrize("method", [f_learning, fine_tuning])
def test_without_a_new_answer_nothing_is_changed(method, tmp_path):
    run = run_of("causal", tmp_path)
    run.records["forget"]["new_answer"] = ""
    before = parameters(run.model)
    with pytest.raises(Unchanged, match="no record of the request has a new answer"):
        method.unlearn(run, method.Settings(answers="new"))
    assert all(map(torch.equal, before, run.model.parameters())) and not run.phases


@pytest.mark.parametrize("tune", ["full", "lora"])
def test_f_learning_that_takes_nothing_away_is_plain_fine_tuning(tune, tmp_path):
    """With the least scale there is the second stage is all that is left."""
    one, other = run_of("causal", tmp_path / "a"), run_of("causal", tmp_path / "b")
    learning = {"answer": "no", **TRAINING}
    fine_tuning.unlearn(one, fine_tuning.Settings(tune=tune, **learning))
    settings = f_learning.Settings(scale=1e-12, learn=tune, forget_epochs=1, **learning)
    f_learning.unlearn(other, settings)
    for mine, theirs in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert torch.allclose(mine, theirs, rtol=0, atol=1e-9)
