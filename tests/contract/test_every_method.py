"""What every method that trains or edits a model must hold, from the registry: a new one is tested
by being listed, once `cases.py` says what it is."""

from __future__ import annotations

import dataclasses
import importlib
import math
from types import SimpleNamespace

import pytest
import torch
from cases import CASES, parameters
from tiny import kl, move, run_of, value

from palimpsest.methods.contract import Forgetting, Retaining
from palimpsest.methods.registry import METHODS, forgetting, method_of, without_variant
from palimpsest.training import loop
from palimpsest.training.fields import field_problems, types_of
from palimpsest.training.settings import Computing

LISTED = [(name, track) for name in CASES for track in method_of(name).tracks]
METHOD = {name: importlib.import_module(method_of(name).module).METHOD for name in CASES}
MINIMISED = [(name, track) for name, track in LISTED if METHOD[name].objective]
VARIANTS = [
    (name, track, *variant) for name, track in MINIMISED for variant in CASES[name].variants
]
WORDS = ("deletes", "hides", "nothing")  # of what a method does to the forgotten
# Small, and quick to show an effect.
QUICK = {
    "learning_rate": 1e-3, "weight_decay": 0.0, "clip_norm": None, "warmup_share": 0.0,
    "epochs": 8, "dropout": False,
}  # fmt: skip


def prepared(name: str, track: str, **options):
    run, method = run_of(track), METHOD[name]
    return run, method.objective(run, method.Settings(**options))


def quick(name: str, **more):
    """The method's settings, with a training that takes no time."""
    known = types_of(METHOD[name].Settings)
    small = {key: value for key, value in (QUICK | more).items() if key in known}
    return METHOD[name].Settings(**small | CASES[name].options)


def test_of_every_method_is_written_down_what_it_is():
    trained = {name for name, one in METHODS.items() if one.trains}
    assert set(map(without_variant, CASES)) == trained <= set(CASES)
    assert all(CASES[name].formula for name, _ in MINIMISED)


def test_what_goes_on_from_weights_that_learnt_it_is_never_said_to_delete():
    """Whatever trains or edits a model starts from the base, or from its own model before."""
    told = forgetting(METHODS)
    assert told.keys() == METHODS.keys()
    by_word = {word: {name for name in told if told[name]["forgets"] == word} for word in WORDS}
    assert by_word["hides"] == {name for name, one in METHODS.items() if one.trains}
    assert by_word["nothing"] == {"base", "base_postprocessed"}
    assert by_word["deletes"] == {"oracle"} | {
        name for name, one in METHODS.items() if one.needs == "teachers"
    }
    post = {name for name in told if told[name]["post_processor"]}
    assert post == {name for name, one in METHODS.items() if one.fitted}
    assert forgetting(["npo-batch"])["npo-batch"]["forgets"] == "hides"


@pytest.mark.parametrize("name", METHOD)
def test_settings_have_bounds_and_defaults_that_keep_them(name):
    """Bounds and defaults stand in the dataclass alone, which is frozen; a number without bounds
    would be taken as whatever it is."""
    kind = METHOD[name].Settings
    assert issubclass(kind, Forgetting) and kind.__dataclass_params__.frozen
    assert list(field_problems(kind, dataclasses.asdict(kind()), name)) == []
    for key in types_of(kind):
        if isinstance(getattr(kind(), key), (int, float)) and not isinstance(
            getattr(kind(), key), bool
        ):
            (problem,) = field_problems(kind, {key: math.nan}, name)
            assert problem.what in ("out of range", "wrong type")


@pytest.mark.parametrize(("name", "track"), MINIMISED)
def test_the_value_at_initialisation_is_the_closed_form(name, track):
    run, objective = prepared(name, track)
    closed_form = CASES[name].start or CASES[name].formula
    with torch.no_grad():
        found = float(value(objective, run.model))
    assert found == pytest.approx(closed_form(run, None), rel=1e-9)


@pytest.mark.parametrize(("name", "track"), MINIMISED)
def test_the_value_elsewhere_is_its_formula(name, track):
    """So far away that each of its terms is another than at the start, and what is before the
    request is told from what is now."""
    run, objective = prepared(name, track)
    assert run.reference is not run.model
    move(run.model, 0.2)
    with torch.no_grad():
        found = float(value(objective, run.model))
    assert found == pytest.approx(CASES[name].formula(run, None), rel=1e-9)
    if CASES[name].start:
        assert found != pytest.approx(CASES[name].start(run, None), rel=1e-3)


@pytest.mark.parametrize(("name", "track", "options", "formula"), VARIANTS)
def test_so_it_is_with_other_settings(name, track, options, formula):
    run, objective = prepared(name, track, **options)
    move(run.model, 0.2)
    with torch.no_grad():
        assert float(value(objective, run.model)) == pytest.approx(formula(run), rel=1e-9)


@pytest.mark.parametrize("name", METHOD)
def test_a_retain_term_is_offered_as_likelihood_and_as_kl(name):
    """Wherever there is one; MOLLM has both at once."""
    offered = issubclass(METHOD[name].Settings, Retaining)
    assert offered or "retain_weight" not in types_of(METHOD[name].Settings) or "mollm" in name
    assert (
        not offered
        or any("kl" in options.values() for options, _ in CASES[name].variants)
        or (name == "localised")
    )


@pytest.mark.parametrize(("name", "track"), MINIMISED)
def test_the_gradient_is_that_of_central_differences(name, track):
    """Along random directions, in float64, away from initialisation, where the terms of some
    methods have other slopes."""
    run, objective = prepared(name, track)
    move(run.model, 0.02)
    weights, held = list(run.model.parameters()), CASES[name].slope
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        run.model.zero_grad()
        value(objective, run.model).backward()
        steps = [torch.randn(one.shape, generator=generator, dtype=one.dtype) for one in weights]
        pairs = list(zip(weights, steps, strict=True))
        slope = sum(
            float((weight.grad * step).sum()) for weight, step in pairs if weight.grad is not None
        )
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, step in pairs:
                    weight.add_(sign * 1e-5 * step)
                ends.append(float(value(objective, run.model)) if held is None else held(run))
                for weight, step in pairs:
                    weight.sub_(sign * 1e-5 * step)
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(("name", "track"), MINIMISED)
def test_neither_padding_nor_the_way_a_batch_is_cut_changes_it(name, track):
    """Alone, no example is padded; all together, all but the longest are."""
    run, objective = prepared(name, track)
    with torch.no_grad():
        whole, cut = (float(value(objective, run.model, cuts=cuts)) for cuts in (1, 4))
    assert cut == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(("name", "track"), LISTED)
def test_it_moves_what_it_promises_and_twice_to_the_same_bytes(name, track, tmp_path):
    """And no model that it is held against."""
    ends = []
    for number in range(2):
        run, settings = run_of(track, tmp_path / str(number)), quick(name)
        before = CASES[name].promise(run)
        others = [*run.models.values(), run.reference]
        frozen = [parameters(model) for model in others]
        METHOD[name].change(run, settings)
        for known, other in zip(frozen, others, strict=True):
            assert all(map(torch.equal, known, other.parameters()))
        after = CASES[name].promise(run)
        assert math.isfinite(after) and after < before
        ends.append(run.model.state_dict())
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


@pytest.mark.parametrize(("name", "track"), LISTED)
def test_a_run_that_is_killed_goes_on_to_the_same_bits(name, track, tmp_path, monkeypatch):
    """After any of some updates, whichever phase that is in; what was done is not done again."""
    settings, saving = quick(name, epochs=4), Computing(checkpoint_seconds=0.0)
    made, original = 0, loop._Update.made

    def counted(*arguments):
        nonlocal made
        if made == stop:
            raise KeyboardInterrupt
        made += 1
        return original(*arguments)

    monkeypatch.setattr(loop._Update, "made", counted)
    stop = -1
    whole = run_of(track, tmp_path / "whole", saving)
    METHOD[name].change(whole, settings)
    updates = made
    for stop in sorted({0, 1, updates // 2, updates - 1} & set(range(updates))):
        made, folder = 0, tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            METHOD[name].change(run_of(track, folder, saving), settings)
        killed, made, stop = made, 0, -1
        run = run_of(track, folder, saving)
        METHOD[name].change(run, settings)
        assert made == updates - killed
        assert all(map(torch.equal, run.model.parameters(), whole.model.parameters()))
        told = ("steps", "tokens", "examples", "curve", "noted")
        assert {key: run.report().get(key) for key in told} == {
            key: whole.report().get(key) for key in told
        }


@pytest.mark.parametrize(("name", "track"), LISTED)
def test_what_is_watched_begins_with_the_model_before_and_ends_with_the_one_after(
    name, track, tmp_path
):
    """By how far what it says of the forget set is from what was said; updates count up."""
    run = run_of(track, tmp_path)

    def numbers(model, earlier=None) -> dict[str, float]:
        return {"away": kl(run, run.reference, model, "forget")}

    run.watch = SimpleNamespace(
        numbers=numbers,
        of=lambda objective: lambda *given: (numbers(*given), False),
        memorization_metrics=(),
        unseen={},
    )
    METHOD[name].change(run, quick(name))
    watched = run.report()["watched"]
    away = numbers(run.model)["away"]
    assert watched[0] == {"update": 0, "away": 0.0} and away > 0
    assert watched[-1]["away"] == pytest.approx(away, rel=1e-9)
    updates = [one["update"] for one in watched]
    assert updates == sorted(set(updates))
    looks = 0 if METHOD[name].objective else 1 if "train" in run.phases else 2
    epochs = QUICK["epochs"] + 1 if "train" in run.phases else 0
    assert len(watched) == looks + epochs


def test_the_reference_is_the_model_on_disk_whenever_it_is_asked_for():
    """Also by a loss that is first computed after a resume, when the weights have moved already."""
    run = run_of("causal")
    start = parameters(run.model)
    move(run.model, 0.2)
    assert all(map(torch.equal, run.reference.parameters(), start))
    assert not any(weight.requires_grad for weight in run.reference.parameters())
    assert not run.reference.training
