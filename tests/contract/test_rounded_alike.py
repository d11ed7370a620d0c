"""What methods compare is rounded alike and counted alike, and settings are what they are named."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cases import CASES
from test_every_method import METHOD, MINIMISED
from tiny import SAW, examples, run_of, tiny

from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.methods import kga, loo_ensemble, npo
from palimpsest.methods.registry import METHODS
from palimpsest.methods.run import Run
from palimpsest.methods.settings import kind_of
from palimpsest.training.settings import Computing


def rounded(track: str = "causal") -> Run:
    """In bfloat16, all models the same one, whose weights are so wide that rounding is seen."""
    seeds, saw = {"forget": 0, "retain": 1, "extra": 2}, np.resize(SAW, (7, 3))
    sets = {name: examples(track, 7, seed) for name, seed in seeds.items()}
    return dataclasses.replace(
        run_of(track), model=still(track), sets=sets, load=lambda: still(track),
        models={name: still(track) for name in ("forget", "extra")},
        computing=Computing(precision="bf16"),
        teachers=Teachers(3, lambda number: still(track), saw),
    )  # fmt: skip


def exact(run: Run) -> Run:
    """The same, of which nothing is rounded."""
    return dataclasses.replace(run, computing=Computing())


def still(track: str) -> torch.nn.Module:
    return tiny(track).float()


def as_in_the_loop(run: Run) -> torch.nn.Module:
    """The model that is trained: the loop rounds what it says itself, and of no other model."""
    model = copy.deepcopy(run.model)
    model.forward = torch.autocast("cpu", dtype=torch.bfloat16)(model.forward)
    return model


def parts(run: Run, method) -> dict[str, float]:
    """Means over all examples of what the loop computes."""
    model, found = as_in_the_loop(run), {}
    for name, part in method.objective(run, method.Settings()).parts.items():
        indices = np.arange(len(part.examples.lengths))
        with torch.no_grad():
            loss = part.loss(model, part.examples.batch(indices))
        found[name] = float(loss) / part.divisor(indices)
    return found


@pytest.mark.parametrize("track", ["causal", "classification"])
def test_at_the_start_a_model_is_as_what_it_is_held_against(track):
    """NPO is 2 / beta log 2 where every text is as likely as before; of KGA all three gaps are 0,
    and a student is what its teachers are."""
    run = rounded(track)
    assert parts(run, npo)["forget"] == pytest.approx(2 / 0.1 * math.log(2), rel=1e-6)
    assert parts(run, kga) == pytest.approx({"forget": 0, "extra": 0, "retain": 0}, abs=1e-7)
    assert parts(run, loo_ensemble) == pytest.approx({"forget": 0}, abs=1e-6)
    watched = kga.watched(run, kga.Settings(), as_in_the_loop(run), [])
    assert watched == pytest.approx({"alignment": 0, "gap": 0, "gap_difference": 0}, abs=1e-7)


def test_rounding_would_be_seen():
    """In float32 the same texts have other losses."""
    run = rounded()
    losses = run.reference_losses("forget", 3)
    others = exact(run).reference_losses("forget", 3)
    assert np.abs(losses - others).max() > 1e-3


def test_what_a_text_cost_before_is_found_without_dropout_whatever_stands_in_its_batch():
    """Batches go by length, and each text keeps its own number."""
    run = rounded()
    noisy = torch.nn.Sequential(torch.nn.Dropout(0.5))

    def predict(model, batch):
        said = run.predict(run.model, batch)
        return said._replace(logits=model(said.logits))

    given = dataclasses.replace(
        exact(run), track=SimpleNamespace(predict=predict), load=noisy.train
    )
    data = run.sets["forget"]
    with torch.no_grad():
        alone = [float(run.likelihood(run.model, data.batch(np.array([i])))) for i in range(7)]
    assert len(set(data.lengths)) > 2
    for size in (1, 3, 7):
        found = given.reference_losses("forget", size)
        assert found == pytest.approx(alone, rel=1e-5)


def test_a_mean_over_a_set_is_by_prediction_whatever_the_batches():
    run = exact(rounded())
    data = run.sets["forget"]
    whole = data.batch(np.arange(7))
    with torch.no_grad():
        wanted = float(run.likelihood(run.model, whole)) / int(whole["counted"].sum())
    for size in (1, 3, 32):
        found = run.mean(run.likelihood, run.model, "forget", size)
        assert found == pytest.approx(wanted, rel=1e-5)


# What the papers or their code say, or else open-unlearning: see the methods' docstrings.
COMMON = {
    "learning_rate": 1e-5, "epochs": 10, "batch_size": 32, "micro_batch_size": None,
    "weight_decay": 0.0, "clip_norm": 1.0, "warmup_share": 0.0, "schedule": "linear",
    "betas": (0.9, 0.999), "dropout": True, "order": "sequential",
}  # fmt: skip
RETAINING = {"retain_weight": 1.0, "retain": "nll"}
OWN = {
    "gradient_ascent": {
        "learning_rate": 5e-5, "epochs": 20, "batch_size": None, "clip_norm": None,
        "schedule": "constant", "betas": (0.9, 0.98), "dropout": False,
    },
    "gradient_difference": {"forget_weight": 1.0} | RETAINING,
    "npo": {"beta": 0.1, "forget_weight": 1.0} | RETAINING,
    "kga": {
        "learning_rate": 5e-5, "clip_norm": None, "alpha": 0.3, "inner_steps": 2, "portion": 0.05,
        "sample": 0.05, "direction": "alike",
    },
    "loo_ensemble": {
        "learning_rate": 1e-4, "teachers": "others", "aggregate": "mean", "retain_weight": 0.0,
        "retain": "nll", "keep": None, "sharding": None,
    },
    "simnpo": {"beta": 4.5, "delta": 0.0, "forget_weight": 0.125} | RETAINING,
    "mollm": {
        "join": "dual", "scale": "forget", "forget_weight": 1.0, "kl_weight": 1.0,
        "retain_weight": 1.0,
    },
    "localised": {
        "batch_size": 64, "schedule": "cosine", "forget_weight": 1.0, "parts": None,
        "enough": -5.0,
    } | RETAINING,
    "llmu": {
        "learning_rate": 2e-6, "weight_decay": 0.01, "clip_norm": None, "batch_size": 2,
        "epochs": 20, "updates": 50, "answers": 5, "enough": 100.0, "forget_weight": 0.5,
        "mismatch_weight": 1.0, "retain_weight": 1.0, "retain": "kl",
    },
    "dpo": {"beta": 0.1, "forget_weight": 1.0} | RETAINING,
    "idk_dpo": {"beta": 0.1, "forget_weight": 1.0, "refusals": None} | RETAINING,
    "undial": {
        "learning_rate": 1e-4, "beta": 10.0, "forget_weight": 1.0, "retain_weight": 0.0,
        "retain": "nll",
    },
    "wga": {"epochs": 5, "beta": 1.0, "forget_weight": 1.0} | RETAINING,
    "satimp": {"epochs": 5, "beta1": 5.0, "beta2": 1.0, "forget_weight": 0.1} | RETAINING,
    "rmu": {
        "layer": None, "coefficient": 2.0, "parts": None, "forget_weight": 1.0,
        "retain_weight": 1.0, "retain": "hidden",
    },
    "bad_teaching": {"forget_weight": 1.0, "retain_weight": 1.0, "retain": "kl"},
    "gru": {"loss": "ascent", "newest": 0.8, "beta": 0.1},
    "selective": {
        "learning_rate": 5e-5, "epochs": 20, "batch_size": None, "clip_norm": None,
        "schedule": "constant", "betas": (0.9, 0.98), "dropout": False,
        "spans": "online", "share": 0.2, "below": None,
    },
    "quark": {
        "epochs": 20, "batch_size": 128, "clip_norm": None, "warmup_share": 0.02,
        "reward": "memorization", "quantiles": 5, "kl_weight": 0.05, "entropy_weight": 0.06,
        "length": 20,
    },
    "dpce": {
        "learning_rate": 5e-5, "epochs": 3, "alpha": 0.2, "beta": 0.8, "layers": "all",
        "level": "token",
    },
    "auto_debias": {
        "learning_rate": 5e-6, "epochs": 1, "clip_norm": None, "schedule": "constant",
        "vocabulary": 5000, "beam": 100, "length": 5, "rows": 1000, "words": None,
        "search": "words", "tune": "vocabulary", "divergence": "released", "end": ".",
    },
    "counterfactual": {"retain_weight": 0.0, "retain": "nll"},
    "harry_potter": {
        "learning_rate": 1e-6, "epochs": 2, "batch_size": 128, "clip_norm": None,
        "betas": (0.9, 0.98), "alpha": 5.0, "anchors": None, "labels": "argmax",
        "matching": "longest",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_what_is_not_set_is_as_its_authors_have_it(name):
    assert dataclasses.asdict(kind_of(name)()) == COMMON | OWN[name]


def test_a_method_that_does_not_train_has_settings_of_its_own_alone():
    depn = {"erase": 10, "threshold": 0.1, "points": 20, "rows": 256, "write": "zero"}
    depn |= {"order": "sequential"}
    for name, wanted in (("sham", {"order": "batch"}), ("depn", depn)):
        assert dataclasses.asdict(kind_of(name)()) == wanted


@pytest.mark.parametrize(("forget", "retain"), [(1.0, 0.0), (0.0, 1.0), (2.0, 3.0)])
@pytest.mark.parametrize(
    "name", ["gradient_difference", "npo", "loo_ensemble", "simnpo", "localised"]
)
def test_weights_are_those_of_their_own_sets(name, forget, retain):
    """Of leave-one-out the retained data alone has one."""
    module = importlib.import_module(METHODS[name].module)
    sign = -1.0 if name == "gradient_difference" else 1.0
    weights = {"forget_weight": forget, "retain_weight": retain}
    if name == "loo_ensemble":
        del weights["forget_weight"]
        forget = 1.0
    objective = module.objective(run_of("causal"), module.Settings(**weights))
    means = {"forget": torch.tensor(0.7), "retain": torch.tensor(0.2)}
    given = {part: means[part] for part in objective.parts}
    assert float(objective.joined(given)) == pytest.approx(sign * forget * 0.7 + retain * 0.2)


def test_npo_has_the_beta_that_it_is_given():
    """At the start an example costs 2 / beta log 2."""
    for beta in (0.5, 2.0):
        run = exact(rounded())
        objective = npo.objective(run, npo.Settings(beta=beta))
        part = objective.parts["forget"]
        loss = float(part.loss(run.model, part.examples.batch(np.arange(7))).detach())
        assert loss / 7 == pytest.approx(2 / beta * math.log(2), rel=1e-6)


def test_one_teacher_of_those_that_did_not_see_a_text_is_drawn_by_names():
    """Each of them answers for some, in other studies for others; a text that all saw is answered
    where none is left out."""
    saw = np.tile([[True, False, False, False]], (60, 1))
    first, again, other = (loo_ensemble.asked(saw, "one", names) for names in ("a", "a", "b"))
    assert (first == again).all() and not (first == other).all()
    assert (first.sum(axis=0) > 5).tolist() == [False, True, True, True]
    for teachers, leaves_out in (("others", True), ("one", True), ("all", False)):
        settings = loo_ensemble.Settings(teachers=teachers)
        assert loo_ensemble.METHOD.asks_teachers(settings) is leaves_out


@pytest.mark.parametrize(("name", "track"), MINIMISED)
def test_a_training_in_pieces_ends_where_one_in_whole_batches_does(name, track, tmp_path):
    """What joins parts, and what is constant, is over the whole batch, however it is read."""
    small = {"batch_size": 5, "epochs": 3, "learning_rate": 1e-4}
    weights = []
    for micro in (None, 2):
        run = run_of(track, tmp_path / str(micro))
        options = CASES[name].options | small | {"micro_batch_size": micro}
        METHOD[name].change(run, METHOD[name].Settings(**options))
        weights.append(torch.cat([weight.detach().flatten() for weight in run.model.parameters()]))
    start = torch.cat([weight.detach().flatten() for weight in tiny(track).parameters()])
    assert (weights[0] - start).abs().max() > 2e-5
    assert (weights[0] - weights[1]).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("gaps", "stops"), [([0.0], False), ([2.0, 1.0, 0.1], True), ([0.1, 2.0, 0.05], False)]
)
def test_kga_looks_at_where_it_began(gaps, stops):
    """Not at the look before; and it makes a pass before it may stop."""
    watched = [{"gap_difference": gap} for gap in gaps]
    assert kga.stops(kga.Settings(portion=0.05), watched) is stops
