"""What every method that trains must hold, from the registry: a new one is tested by being listed,
once its closed form is written down."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import math

import numpy as np
import pytest
import torch

from palimpsest.ensemble import soft_labels
from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.methods.registry import METHODS
from palimpsest.methods.sham import begin, distance
from palimpsest.methods.unlearning import Run
from palimpsest.tracks import module_of
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.training.loop import train

VOCABULARY, CLASSES, PAD = 30, 3, 0
TRAINED = [
    (name, track) for name, method in METHODS.items() if method.trains for track in method.tracks
]
# The value at initialisation, where the model is the one before the request: KL(A_D || A*) is 0.
CLOSED_FORMS = {
    "gradient_ascent": lambda run, s: -nll(run, "forget"),
    "gradient_difference": lambda run, s: (
        -s.forget_weight * nll(run, "forget") + s.retain_weight * nll(run, "retain")
    ),
    "npo": lambda run, s: (
        s.forget_weight * 2 / s.beta * math.log(2) + s.retain_weight * nll(run, "retain")
    ),
    "kga": lambda run, s: abs(kl(run, run.frozen["forget"], run.model, "forget") - gap(run)),
    "loo_ensemble": lambda run, s: from_teachers(run),
    "sham": lambda run, s: 0.0,
}
# And wherever the model is by then: those that name the model before the request say another thing
# there, the others the same.
FORMULAS = CLOSED_FORMS | {
    "npo": lambda run, s: (
        s.forget_weight * preference(run, s.beta) + s.retain_weight * nll(run, "retain")
    ),
    "kga": lambda run, s: (
        abs(kl(run, run.frozen["forget"], run.model, "forget") - gap(run, run.reference))
        + s.alpha * kl(run, run.reference, run.model, "retain")
    ),
}
# What must be lower after training than before.
PROMISES = {
    "gradient_ascent": lambda run: -nll(run, "forget"),
    "gradient_difference": lambda run: -nll(run, "forget"),
    "npo": lambda run: -nll(run, "forget"),
    "kga": lambda run: abs(
        kl(run, run.frozen["forget"], run.model, "forget") - gap(run, run.reference)
    ),
    "loo_ensemble": lambda run: from_teachers(run),
    "sham": lambda run: -distance(run.model, run.reference),
}
# Which of three teachers saw each of the five texts of the forget set; the last stands with two
# owners.
SAW = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0]], dtype=bool)


def tiny(track: str, seed: int = 0) -> torch.nn.Module:
    """Two layers, without dropout, in float64, with weights so large that no prediction is like
    another."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        "gpt2",
        n_layer=2,
        n_embd=8,
        n_head=2,
        vocab_size=VOCABULARY,
        max_position_embeddings=16,
        num_labels=CLASSES,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=None,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=0.3,
    )
    kind = AutoModelForCausalLM if track == "causal" else AutoModelForSequenceClassification
    return kind.from_config(config).double().eval()


def examples(track: str, count: int, seed: int):
    draw = np.random.default_rng(seed)
    ids = [draw.integers(1, VOCABULARY, size=draw.integers(3, 10)).tolist() for _ in range(count)]
    if track == "causal":
        return LanguageModellingExamples(
            ids, PAD, [[False, *(draw.random(len(row) - 2) < 0.6), True] for row in ids]
        )
    return ClassificationExamples(ids, draw.integers(0, CLASSES, size=count).tolist(), PAD)


def run_of(track: str) -> Run:
    sets = {
        "forget": examples(track, 5, 1),
        "retain": examples(track, 9, 2),
        "extra": examples(track, 4, 3),
    }
    frozen = {"forget": tiny(track, 1), "extra": tiny(track, 2)}
    predict, teachers = (
        importlib.import_module(module_of(track, "model")).predict,
        Teachers(3, lambda number: tiny(track, 10 + number), SAW),
    )
    return Run(
        tiny(track),
        sets,
        predict,
        ("contract",),
        track == "causal",
        frozen=frozen,
        teachers=teachers,
        again=lambda: tiny(track),
    )


def whole(run: Run, name: str) -> dict[str, torch.Tensor]:
    return run.sets[name].batch(np.arange(len(run.sets[name].lengths)))


def nll(run: Run, name: str) -> float:
    """Mean over the predictions that count."""
    with torch.no_grad():
        logits, targets, _ = run.predict(run.model, whole(run, name))
        return float(-torch.log_softmax(logits, -1)[torch.arange(len(targets)), targets].mean())


def kl(run: Run, teacher: torch.nn.Module, student: torch.nn.Module, name: str) -> float:
    """Mean over the predictions that count of sum p (log p - log q)."""
    with torch.no_grad():
        p, q = (
            torch.log_softmax(run.predict(model, whole(run, name)).logits, -1)
            for model in (teacher, student)
        )
        return float((p.exp() * (p - q)).sum(-1).mean())


def gap(run: Run, before: torch.nn.Module | None = None) -> float:
    """G of KGA: KL(A_n || A_D) over D_n."""
    return kl(run, run.frozen["extra"], before or run.model, "extra")


def likelihoods(run: Run, model: torch.nn.Module) -> list[float]:
    """Of each text of the forget set, alone: the product of the probabilities of what counts."""
    data, found = run.sets["forget"], []
    with torch.no_grad():
        for number in range(len(data.lengths)):
            logits, targets, _ = run.predict(model, data.batch(np.array([number])))
            found.append(
                float(torch.softmax(logits, -1)[torch.arange(len(targets)), targets].prod())
            )
    return found


def preference(run: Run, beta: float) -> float:
    """Zhang et al. 2024, eq. 3: mean over texts of (2 / beta) log(1 + (p / p_ref)^beta)."""
    ratios = np.divide(likelihoods(run, run.model), likelihoods(run, run.reference))
    return float(np.mean(2 / beta * np.log(1 + ratios**beta)))


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
        total = sum(
            part.loss(model, part.examples.batch(piece)) for piece in np.array_split(indices, cuts)
        )
        means[name] = total / part.divisor(indices)
    return objective.joined(means)


def arithmetic_mean(teachers: torch.Tensor) -> torch.Tensor:
    return teachers.mean(0)


def geometric_mean(teachers: torch.Tensor) -> torch.Tensor:
    product = teachers.prod(0) ** (1 / len(teachers))
    return product / product.sum(-1, keepdim=True)


def from_teachers(run: Run, together=arithmetic_mean) -> float:
    """Mean over texts of the mean over their predictions of KL to what the teachers that did not
    see them say together, one by one."""
    data, found = run.sets["forget"], []
    with torch.no_grad():
        for number, saw in enumerate(SAW):
            batch = data.batch(np.array([number]))
            others = [tiny_of(run, 10 + shard) for shard in range(3) if not saw[shard]]
            p = together(
                torch.stack(
                    [torch.softmax(run.predict(model, batch).logits, -1) for model in others]
                )
            )
            q = torch.softmax(run.predict(run.model, batch).logits, -1)
            found.append(float((p * (p / q).log()).sum(-1).mean()))
    return float(np.mean(found))


def tiny_of(run: Run, seed: int) -> torch.nn.Module:
    return tiny("causal" if run.generates else "classification", seed)


def test_every_method_that_trains_has_a_closed_form():
    assert set(CLOSED_FORMS) == set(PROMISES) == {name for name, _ in TRAINED}


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_the_value_at_initialisation_is_the_closed_form(name, track):
    run, settings, objective = prepared(name, track)
    with torch.no_grad():
        assert float(value(objective, run.model)) == pytest.approx(
            CLOSED_FORMS[name](run, settings), rel=1e-9
        )


def move(model: torch.nn.Module, far: float) -> None:
    """Every weight, by a draw of its own: to where the model is no longer what it was."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(far * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))


def test_the_reference_is_the_model_on_disk_whenever_it_is_asked_for():
    """Also by a loss that is first computed after a resume, when the weights have moved already."""
    run = run_of("causal")
    start = [weight.clone() for weight in run.model.parameters()]
    move(run.model, 0.2)
    assert all(torch.equal(*pair) for pair in zip(run.reference.parameters(), start, strict=True))
    assert (
        not any(weight.requires_grad for weight in run.reference.parameters())
        and not run.reference.training
    )


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_the_value_elsewhere_is_its_formula(name, track):
    """So far away that each of its terms is another than at the start, and what is before the
    request is told from what is now."""
    run, settings, objective = prepared(name, track)
    assert run.reference is not run.model
    move(run.model, 0.2)
    with torch.no_grad():
        found = float(value(objective, run.model))
    assert found == pytest.approx(FORMULAS[name](run, settings), rel=1e-9)
    if FORMULAS[name] is not CLOSED_FORMS[name]:
        assert found != pytest.approx(CLOSED_FORMS[name](run, settings), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "track", "options", "closed_form"),
    [
        ("loo_ensemble", "causal", {"retain_weight": 0.7},
         lambda run: from_teachers(run) + 0.7 * nll(run, "retain")),
        ("loo_ensemble", "causal", {"aggregate": "geometric"},
         lambda run: from_teachers(run, geometric_mean)),
        ("kga", "classification", {"direction": "released"},
         lambda run: abs(
             kl(run, run.frozen["forget"], run.model, "forget")
             - kl(run, run.model, run.frozen["extra"], "extra")
         )),
        ("kga", "causal", {"direction": "released"}, lambda run: CLOSED_FORMS["kga"](run, None)),
        ("gradient_difference", "causal", {"forget_weight": 0.5, "retain_weight": 2.0},
         lambda run: -0.5 * nll(run, "forget") + 2 * nll(run, "retain")),
    ],
)  # fmt: skip
def test_so_it_is_with_other_settings(name, track, options, closed_form):
    run, module = run_of(track), importlib.import_module(METHODS[name].module)
    objective = module.objective(run, module.Settings(**options))
    with torch.no_grad():
        assert float(value(objective, run.model)) == pytest.approx(closed_form(run), rel=1e-9)


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_the_gradient_is_that_of_central_differences(name, track):
    """Along random directions, in float64, away from initialisation, where the terms of some
    methods have other slopes."""
    run, _, objective = prepared(name, track)
    move(run.model, 0.02)
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        run.model.zero_grad()
        value(objective, run.model).backward()
        direction = [
            torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            for weight in run.model.parameters()
        ]
        slope = sum(
            float((weight.grad * step).sum())
            for weight, step in zip(run.model.parameters(), direction, strict=True)
        )
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
        assert float(value(objective, run.model)) == pytest.approx(
            float(value(objective, run.model, cuts=4)), rel=1e-12
        )


@pytest.mark.parametrize(("name", "track"), TRAINED)
def test_it_moves_what_it_promises_and_twice_to_the_same_bytes(name, track, tmp_path):
    found = []
    for number in range(2):
        run, settings, objective = prepared(name, track)
        before = PROMISES[name](run)
        training = {
            "learning_rate": 1e-3,
            "weight_decay": 0.0,
            "clip_norm": None,
            "warmup_share": 0.0,
            "precision": "no",
            "threads": 1,
            "gpus": 0,
            "checkpoint_seconds": 1e9,
            "batch_size": settings.batch_size or 5,
            "micro_batch_size": None,
            "dropout": False,
        }
        others = [*run.frozen.values(), run.reference]
        frozen = [[weight.clone() for weight in model.parameters()] for model in others]
        getattr(importlib.import_module(METHODS[name].module), "begin", lambda run: None)(run)
        model, report = train(
            run.model,
            objective,
            training,
            min(settings.epochs, 8),
            run.names,
            tmp_path / str(number),
            "p",
        )
        for known, other in zip(frozen, others, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(known, other.parameters(), strict=True))
        after = PROMISES[name](run)
        assert math.isfinite(after) and after < before
        found.append(model.state_dict())
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


@pytest.mark.parametrize("track", ["classification", "causal"])
def test_kga_pulls_towards_those_who_know_where_it_differs_too_much_and_away_where_too_little(
    track,
):
    """|a - G| has the slope sign(a - G) in a. At A* = A_f the alignment is 0, below any gap, and
    all that is left is G."""
    from palimpsest.methods import kga

    run, settings = run_of(track), kga.Settings()
    objective = kga.objective(run, settings)
    slopes = objective.slopes(
        {"forget": torch.tensor(0.7), "extra": torch.tensor(0.2), "retain": torch.tensor(0.1)}
    )
    assert slopes["forget"] == 1 and slopes["retain"] == pytest.approx(settings.alpha)
    slopes = objective.slopes(
        {"forget": torch.tensor(0.1), "extra": torch.tensor(0.2), "retain": torch.tensor(0.1)}
    )
    assert slopes["forget"] == -1
    known = kga.watched(run, settings, run.frozen["forget"], [])
    assert known["alignment"] == pytest.approx(0, abs=1e-9) and known[
        "gap_difference"
    ] == pytest.approx(gap(run, run.reference), rel=1e-6)
    assert kga.watched(run, settings, run.frozen["forget"], [known]) == known
    start = kga.watched(run, settings, run.model, [])
    assert start["alignment"] == pytest.approx(
        kl(run, run.frozen["forget"], run.model, "forget"), rel=1e-6
    )
    assert kga.objective(run, kga.Settings(inner_steps=3)).parts["retain"].times == 3


@pytest.mark.parametrize(
    ("gaps", "stops"),
    [([0.04], False), ([2.0, 0.1], True), ([2.0, 0.11], False), ([2.0, 0.05, 0.3], False)],
)
def test_kga_stops_once_the_gap_difference_is_a_twentieth_of_what_it_was(gaps, stops):
    from palimpsest.methods import kga

    assert (
        kga.stops(kga.Settings(portion=0.05), (), [{"gap_difference": gap} for gap in gaps], {})
        is stops
    )


@pytest.mark.parametrize(
    ("accuracy", "extracted", "stops"),
    [
        (0.3, 0.05, True),
        (0.29, 0.0, True),
        (0.31, 0.05, False),
        (0.3, 0.06, False),
        (0.1, None, True),
    ],
)
def test_gradient_ascent_stops_once_the_forgotten_is_known_no_better_than_unseen_text(
    accuracy, extracted, stops
):
    """By both numbers, and by the newest that was watched; by one of them where the other is not to
    be had."""
    from palimpsest.methods import gradient_ascent

    known = ("memorization_accuracy", "extraction_likelihood")
    now = {"forget_memorization_accuracy": accuracy, "forget_perplexity": 9.0}
    now |= {} if extracted is None else {"forget_extraction_likelihood": extracted}
    before = {
        "forget_memorization_accuracy": 0.9,
        "forget_extraction_likelihood": 0.9,
        "extra_memorization_accuracy": 0.0,
    }
    unseen = {"memorization_accuracy": 0.3, "extraction_likelihood": 0.05}
    assert gradient_ascent.stops(gradient_ascent.Settings(), known, [before, now], unseen) is stops
    assert gradient_ascent.Settings().batch_size is None, "an update takes the whole forget set"


def test_soft_labels_are_the_same_in_pieces(monkeypatch):
    """Of which each fits into memory, where only the likeliest are kept."""
    run = run_of("causal")
    asked = ~SAW
    whole_set, pieces = [], []
    for rows, found in ((1000, whole_set), (4, pieces)):
        monkeypatch.setattr(soft_labels, "ROWS", rows)
        labelled = soft_labels.soft_labels(
            run.teachers, asked, run.predict, run.sets["forget"], "mean", 5, batch_size=2
        )
        found += [labelled.labels, labelled.kept]
    assert (
        torch.allclose(whole_set[0], pieces[0], rtol=1e-12)
        and torch.equal(whole_set[1], pieces[1])
        and whole_set[0].shape[1] == 6
    )


@pytest.mark.parametrize("aggregate", ["mean", "geometric"])
def test_a_token_that_nobody_can_say_costs_leave_one_out_nothing(aggregate):
    """The rows by which a vocabulary is filled up to a round size have a logit of -inf, with the
    teachers and the student."""
    from palimpsest.methods import loo_ensemble

    run = run_of("causal")

    def predict(model, batch):
        said = run.predict(model, batch)
        return said._replace(logits=said.logits.index_fill(1, torch.tensor([0]), -torch.inf))

    part = loo_ensemble.objective(
        dataclasses.replace(run, predict=predict), loo_ensemble.Settings(aggregate=aggregate)
    ).parts["forget"]
    loss = part.loss(run.model, part.examples.batch(np.arange(len(SAW))))
    loss.backward()
    assert 0 < float(loss.detach()) < math.inf
    assert all(
        torch.isfinite(parameter.grad).all()
        for parameter in run.model.parameters()
        if parameter.grad is not None
    )


@pytest.mark.parametrize("keep", [None, 4])
def test_the_teacher_who_saw_a_text_has_no_say_in_it(keep):
    """Other weights of the first teacher change what is said of the texts that it did not see, and
    of no other."""
    from palimpsest.methods import loo_ensemble

    run, changed = run_of("causal"), run_of("causal")
    other = Teachers(3, lambda number: tiny("causal", 99 if number == 0 else 10 + number), SAW)
    changed = dataclasses.replace(changed, teachers=other)
    settings = loo_ensemble.Settings(keep=keep)
    parts = [loo_ensemble.objective(one, settings).parts["forget"] for one in (run, changed)]
    for number, saw in enumerate(SAW[:, 0]):
        values = [
            float(part.loss(run.model, part.examples.batch(np.array([number]))).detach())
            for part in parts
        ]
        assert (values[0] == values[1]) == bool(saw)


def test_the_likeliest_tokens_and_the_rest_as_one_lose_little_and_never_add():
    """Joining classes can only lower a KL; with all but one of them kept it is the exact one."""
    from palimpsest.methods import loo_ensemble

    run, found = run_of("causal"), []
    for keep in (2, 10, VOCABULARY - 1, None):
        objective = loo_ensemble.objective(run, loo_ensemble.Settings(keep=keep))
        found.append(float(value(objective, run.model).detach()))
    assert 0 < found[0] < found[1] < found[2] and found[2] == pytest.approx(found[3], rel=1e-6)


def test_with_two_teachers_it_is_the_other_one():
    from palimpsest.methods.loo_ensemble import asked

    saw = np.array([[True, False], [False, True]])
    assert (
        (asked(saw, "others", ("s",)) == ~saw).all()
        and (asked(saw, "one", ("s",)) == ~saw).all()
        and asked(saw, "all", ("s",)).all()
    )
    one = asked(SAW, "one", ("s",))
    assert (one.sum(axis=1) == 1).all() and not (one & SAW).any()


def test_npo_with_a_small_beta_is_gradient_ascent_on_the_summed_loss():
    """-(2 / beta) log sigmoid(beta d) = (2 / beta) log 2 - d + O(beta d^2), so the gradient tends
    to that of -d, d the summed loss. The sums by hand: the mean over all that counts, times how
    much that is."""
    from palimpsest.methods import npo

    run = run_of("causal")
    objective = npo.objective(run, npo.Settings(beta=1e-6, retain_weight=0.0))
    value(objective, run.model).backward()
    ours = [weight.grad.clone() for weight in run.model.parameters()]
    run.model.zero_grad()
    logits, targets, _ = run.predict(run.model, whole(run, "forget"))
    (torch.log_softmax(logits, -1)[torch.arange(len(targets)), targets].sum() / 5).backward()
    assert all(
        torch.allclose(a, b.grad, rtol=1e-4, atol=1e-9)
        for a, b in zip(ours, run.model.parameters(), strict=True)
    )


def test_the_sham_goes_as_far_as_the_farthest_method_and_nowhere_in_particular():
    """By hand: one weight of each frozen model differs, by 3 and by 4."""
    run, other = run_of("causal"), run_of("causal")
    far = {name: copy.deepcopy(run.model) for name in ("npo", "kga")}
    for step, model in zip((3.0, 4.0), far.values(), strict=True):
        next(model.parameters()).data[0, 0] += step
    before = [copy.deepcopy(run.model) for _ in range(2)]
    run, other = (
        dataclasses.replace(one, frozen=far, names=("sham", name))
        for name, one in (("a", run), ("b", other))
    )
    begin(run), begin(other)
    assert [distance(run.model, before[0]), distance(other.model, before[1])] == pytest.approx(
        [4, 4], rel=1e-6
    )
    # nearly at right angles
    assert distance(run.model, other.model) == pytest.approx(4 * 2**0.5, rel=0.1)
