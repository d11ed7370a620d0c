"""What every method that trains must hold, from the registry: a new one is tested by being listed, once its closed form is written down."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
import torch

from palimpsest.methods.registry import METHODS
from palimpsest.methods.unlearning import Run
from palimpsest.tracks import TRACKS
from palimpsest.training.classification import ClassificationExamples
from palimpsest.training.language_modelling import LanguageModellingExamples
from palimpsest.training.loop import train

VOCABULARY, CLASSES, PAD = 30, 3, 0
TRAINED = [(name, track) for name, method in METHODS.items() if method.trains for track in method.tracks]
# The value at initialisation, from nll(D_f), nll(D_r) and the method's settings.
CLOSED_FORMS = {
    "gradient_ascent": lambda forget, retain, s: -forget,
    "gradient_difference": lambda forget, retain, s: -s.forget_weight * forget + s.retain_weight * retain,
    "npo": lambda forget, retain, s: s.forget_weight * 2 / s.beta * math.log(2) + s.retain_weight * retain,
}
RISES = {"gradient_ascent", "gradient_difference", "npo"}  # those that raise the loss of the forget set


def tiny(track: str, seed: int = 0) -> torch.nn.Module:
    """Two layers, without dropout, in float64, with weights so large that no prediction is like another."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        "gpt2", n_layer=2, n_embd=8, n_head=2, vocab_size=VOCABULARY, max_position_embeddings=16, num_labels=CLASSES, pad_token_id=PAD,
        bos_token_id=None, eos_token_id=None, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, initializer_range=0.3,
    )  # fmt: skip
    kind = AutoModelForCausalLM if track == "causal" else AutoModelForSequenceClassification
    return kind.from_config(config).double().eval()


def examples(track: str, count: int, seed: int):
    draw = np.random.default_rng(seed)
    ids = [draw.integers(1, VOCABULARY, size=draw.integers(3, 10)).tolist() for _ in range(count)]
    if track == "causal":
        return LanguageModellingExamples(ids, PAD, [[False, *(draw.random(len(row) - 2) < 0.6), True] for row in ids])
    return ClassificationExamples(ids, draw.integers(0, CLASSES, size=count).tolist(), PAD)


def run_of(track: str) -> Run:
    sets = {"forget": examples(track, 5, 1), "retain": examples(track, 9, 2), "extra": examples(track, 4, 3)}
    return Run(tiny(track), sets, importlib.import_module(TRACKS[track]).predict, ("contract",))


def prepared(name: str, track: str):
    run, module = run_of(track), importlib.import_module(METHODS[name].module)
    settings = module.Settings()
    return run, settings, module.objective(run, settings)


def everything(objective) -> dict[str, np.ndarray]:
    return {name: np.arange(len(part.examples.lengths)) for name, part in objective.parts.items()}


def value(objective, model, cuts: int = 1) -> torch.Tensor:
    """The objective over all examples of all parts, each part cut into so many batches."""
    means = {}
    for name, part in objective.parts.items():
        indices = np.arange(len(part.examples.lengths))
        total = sum(part.loss(model, part.examples.batch(piece)) for piece in np.array_split(indices, cuts))
        means[name] = total / part.divisor(indices)
    return objective.joined(means)


def mean_loss(run: Run, name: str) -> float:
    data = run.sets[name]
    with torch.no_grad():
        return float(run.likelihood(run.model, data.batch(np.arange(len(data.lengths))))) / float(data.counted.sum())


def test_every_method_that_trains_has_a_closed_form():
    assert set(CLOSED_FORMS) == {name for name, _ in TRAINED}


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_the_value_at_initialisation_is_the_closed_form(name, track):
    run, settings, objective = prepared(name, track)
    expected = CLOSED_FORMS[name](mean_loss(run, "forget"), mean_loss(run, "retain"), settings)
    assert float(value(objective, run.model)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_the_gradient_is_that_of_central_differences(name, track):
    """Along random directions, in float64, away from initialisation, where the terms of some methods have other slopes."""
    run, _, objective = prepared(name, track)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weight in run.model.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    for _ in range(3):
        run.model.zero_grad()
        value(objective, run.model).backward()
        direction = [torch.randn(weight.shape, generator=generator, dtype=weight.dtype) for weight in run.model.parameters()]
        slope = sum(float((weight.grad * step).sum()) for weight, step in zip(run.model.parameters(), direction, strict=True))
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, step in zip(run.model.parameters(), direction, strict=True):
                    weight.add_(sign * 1e-5 * step)
                ends.append(float(value(objective, run.model)))
                for weight, step in zip(run.model.parameters(), direction, strict=True):
                    weight.sub_(sign * 1e-5 * step)
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_neither_padding_nor_the_way_a_batch_is_cut_changes_it(name, track):
    """Alone, no example is padded; all together, all but the longest are."""
    run, _, objective = prepared(name, track)
    with torch.no_grad():
        assert float(value(objective, run.model)) == pytest.approx(float(value(objective, run.model, cuts=4)), rel=1e-12)


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_it_moves_the_loss_of_the_forget_set_as_it_promises_and_twice_to_the_same_bytes(name, track, tmp_path):
    found = []
    for number in range(2):
        run, settings, objective = prepared(name, track)
        before = mean_loss(run, "forget")
        training = {
            "learning_rate": 1e-3, "weight_decay": 0.0, "clip_norm": None, "warmup_share": 0.0, "precision": "no", "threads": 1, "gpus": 0,
            "checkpoint_seconds": 1e9, "batch_size": settings.batch_size or 5, "micro_batch_size": None, "dropout": False,
        }  # fmt: skip
        frozen = {key: [weight.clone() for weight in model.parameters()] for key, model in run.frozen.items()}
        model, report = train(run.model, objective, training, 8, run.names, tmp_path / str(number), "p")
        assert all(torch.equal(a, b) for key, model_ in run.frozen.items() for a, b in zip(frozen[key], model_.parameters(), strict=True))
        after = mean_loss(run, "forget")
        assert math.isfinite(after) and (after > before) == (name in RISES)
        found.append(model.state_dict())
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def test_npo_with_a_small_beta_is_gradient_ascent_on_the_summed_loss():
    """-(2 / beta) log sigmoid(beta d) = (2 / beta) log 2 - d + O(beta d^2), so the gradient tends to that of -d, d the summed loss."""
    from palimpsest.methods import npo

    run = run_of("causal")
    objective = npo.objective(run, npo.Settings(beta=1e-6, retain_weight=0.0))
    value(objective, run.model).backward()
    ours = [weight.grad.clone() for weight in run.model.parameters()]
    run.model.zero_grad()
    forget = run.sets["forget"]
    (-run.losses(run.model, forget.batch(np.arange(5))).sum() / 5).backward()
    assert all(torch.allclose(a, b.grad, rtol=1e-4, atol=1e-9) for a, b in zip(ours, run.model.parameters(), strict=True))
