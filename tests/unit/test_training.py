"""The loop: what an update is, that it does not depend on how a batch is cut, and that a killed run
ends in the same bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from looping import train

from palimpsest.errors import UserError
from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.tracks.classification.model import predict
from palimpsest.training import loop
from palimpsest.training.batches import collate, epoch_batches
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood
from palimpsest.training.resume import drop_state, load_state, save_state
from palimpsest.training.schedule import (
    SCHEDULES,
    constant_rate,
    cosine_rate,
    learning_rate,
    stage_epochs,
)

classification_loss = negative_log_likelihood(predict)
SETTINGS = {
    "batch_size": 4,
    "micro_batch_size": None,
    "learning_rate": 0.01,
    "warmup_share": 0.0,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "precision": "no",
    "threads": 1,
    "gpus": 0,
    "checkpoint_seconds": 1e9,
}


def tiny_model(dropout: float = 0.1):
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "gpt2",
        n_layer=2,
        n_embd=16,
        n_head=2,
        vocab_size=40,
        max_position_embeddings=16,
        num_labels=2,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
    )
    return AutoModelForSequenceClassification.from_config(config)


def examples(count: int = 22) -> ClassificationExamples:
    generator = np.random.default_rng(5)
    ids = [generator.integers(1, 40, size=generator.integers(2, 12)).tolist() for _ in range(count)]
    return ClassificationExamples(ids, [int(sum(row) % 2) for row in ids], pad_id=0)


def run(tmp_path, settings=SETTINGS, dropout=0.1, epochs=2, names=("study", 1)):
    return train(
        tiny_model(dropout),
        Objective({"train": Part(examples(), classification_loss)}),
        settings,
        epochs,
        names,
        tmp_path / "resume",
        "print",
    )


def weights(model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(left, right) -> bool:
    return all(torch.equal(left[name], right[name]) for name in left)


def test_dropout_of_the_model_acts_unless_the_settings_say_no(tmp_path):
    without, _ = run(tmp_path / "none", dropout=0.0)
    switched, _ = run(tmp_path / "off", SETTINGS | {"dropout": False}, dropout=0.5)
    acting, _ = run(tmp_path / "on", dropout=0.5)
    assert same(weights(switched), weights(without)) and not same(weights(acting), weights(without))


def test_a_gpu_that_is_not_there_is_told_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="there is no GPU"):
        run(tmp_path, SETTINGS | {"gpus": 1, "precision": "bf16"})
    assert not (tmp_path / "resume").exists()


@pytest.mark.parametrize(
    ("epochs", "slices", "expected"),
    [(2, 1, [2]), (2, 3, [1, 1, 1]), (4, 2, [2, 3]), (20, 5, [6, 7, 7, 6, 7]), (1, 3, [0, 1, 0])],
)
def test_stage_epochs_by_hand(epochs, slices, expected):
    """floor(j 2e/(R+1)): e = 20, R = 5 gives 6.67 j, so 6, 13, 20, 26, 33 and the differences 6, 7,
    7, 6, 7."""
    assert stage_epochs(epochs, slices) == expected


def test_the_cosine_warms_up_and_falls_by_half_a_cosine():
    """Ten updates, two of warm-up: thirds of the peak, then (1 + cos(pi k / 8)) / 2."""
    rates = [cosine_rate(step, 10, 2.0, 0.2) for step in range(10)]
    assert rates[:3] == pytest.approx([2 / 3, 4 / 3, 2.0])
    assert rates[6] == pytest.approx(1.0) and rates[4] == pytest.approx(1 + math.cos(math.pi / 4))
    assert rates[9] == pytest.approx(1 + math.cos(7 * math.pi / 8))


def test_learning_rate_by_hand():
    """10 updates, peak 1, warm-up 2: 1/3, 2/3, then (10 - step) / 8 falling to 1/8 at the last."""
    rates = [learning_rate(step, 10, 1.0, 0.2) for step in range(10)]
    assert rates == pytest.approx([1 / 3, 2 / 3, *[(10 - step) / 8 for step in range(2, 10)]])
    assert [constant_rate(step, 10, 1.0, 0.2) for step in range(10)] == pytest.approx(
        [1 / 3, 2 / 3, *[1.0] * 8]
    )


@pytest.mark.parametrize("name", SCHEDULES)
def test_updates_of_warm_up_are_whole_ones_rounded_down(name):
    """0.29 of 10 are 2: 1/3, 2/3, and then the peak."""
    rates = [SCHEDULES[name](step, 10, 3.0, 0.29) for step in range(3)]
    assert rates == pytest.approx([1, 2, 3])


def test_every_example_stands_in_one_batch_and_names_decide_the_order():
    lengths = np.random.default_rng(0).integers(1, 60, size=1000)
    batches = epoch_batches(lengths, 8, "a", 1)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    again, other = epoch_batches(lengths, 8, "a", 1), epoch_batches(lengths, 8, "a", 2)
    assert all(np.array_equal(x, y) for x, y in zip(batches, again, strict=True))
    assert not all(np.array_equal(x, y) for x, y in zip(batches, other, strict=True))


def test_batches_are_of_like_length():
    lengths = np.random.default_rng(0).integers(1, 60, size=4000)
    padded = sum(lengths[batch].max() * len(batch) for batch in epoch_batches(lengths, 32, "a"))
    assert padded < 1.08 * lengths.sum()


def test_mask_comes_from_lengths_not_from_the_pad_id():
    batch = collate([[5, 0], [7, 8, 9]], pad_id=0)
    assert batch["input_ids"].tolist() == [[5, 0, 0], [7, 8, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]


def test_padding_does_not_change_the_loss():
    """A short text costs the same alone and beside a long one."""
    model, data = tiny_model(0.0).eval(), examples()
    shortest, longest = int(data.lengths.argmin()), int(data.lengths.argmax())
    alone = sum(classification_loss(model, data.batch(np.array([i]))) for i in (shortest, longest))
    together = classification_loss(model, data.batch(np.array([shortest, longest])))
    assert data.lengths[shortest] < data.lengths[longest]
    assert together.item() == pytest.approx(alone.item(), abs=1e-5)


def test_one_update_is_the_gradient_of_the_mean_loss(tmp_path, monkeypatch):
    """With plain SGD in AdamW's place one update must be w - lr * gradient of the mean cross
    entropy over the batch."""
    monkeypatch.setattr(
        loop.torch.optim, "AdamW", lambda groups, lr, betas, fused: torch.optim.SGD(groups, lr=lr)
    )
    settings = SETTINGS | {"batch_size": 22, "clip_norm": 1e9, "weight_decay": 0.0}
    model, _ = run(tmp_path, settings, dropout=0.0, epochs=1)
    reference, data = tiny_model(0.0), examples()
    (classification_loss(reference, data.batch(np.arange(22))) / 22).backward()
    for (name, parameter), new in zip(
        reference.named_parameters(), model.parameters(), strict=True
    ):
        assert torch.allclose(new, parameter - 0.01 * parameter.grad, atol=1e-6), name


def test_splitting_a_batch_does_not_change_the_update(tmp_path, monkeypatch):
    """With SGD: Adam would blow up the rounding of gradients that are zero but for it."""
    monkeypatch.setattr(
        loop.torch.optim, "AdamW", lambda groups, lr, betas, fused: torch.optim.SGD(groups, lr=lr)
    )
    whole, _ = run(tmp_path / "a", SETTINGS | {"batch_size": 6}, dropout=0.0)
    split, _ = run(tmp_path / "b", SETTINGS | {"batch_size": 6, "micro_batch_size": 2}, dropout=0.0)
    assert all(
        torch.allclose(a, b, atol=1e-6)
        for a, b in zip(whole.parameters(), split.parameters(), strict=True)
    )


def test_repeated_run_gives_the_same_bits_and_learns(tmp_path):
    first, report = run(tmp_path / "a", epochs=20)
    second, _ = run(tmp_path / "b", epochs=20)
    other, _ = run(tmp_path / "c", epochs=20, names=("study", 2))
    assert same(weights(first), weights(second))
    assert not same(weights(first), weights(other))
    assert report["curve"][-1][1] < 0.8 * report["curve"][0][1]
    assert report["tokens"] == 20 * examples().lengths.sum() and report["steps"] == 20 * 6


@pytest.mark.parametrize("stop", [1, 5, 6, 11])
def test_killed_run_resumes_to_the_same_bits(tmp_path, monkeypatch, stop):
    """Killed after any update, in the middle of an epoch or at its end, a run goes on from its last
    checkpoint to the same weights."""
    whole, report = run(tmp_path / "whole", epochs=3)
    settings = SETTINGS | {"checkpoint_seconds": 0}
    updates = 0

    def update(*arguments):
        nonlocal updates
        if updates == stop:
            raise KeyboardInterrupt
        updates += 1
        return original(*arguments)

    original = loop._Update.made
    monkeypatch.setattr(loop._Update, "made", update)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", settings, epochs=3)
    monkeypatch.setattr(loop._Update, "made", original)
    calls = []
    monkeypatch.setattr(
        loop._Update, "made", lambda *arguments: calls.append(1) or original(*arguments)
    )
    resumed, again = run(tmp_path / "killed", settings, epochs=3)
    assert len(calls) == 18 - stop, "it went on, it did not begin again"
    assert same(weights(whole), weights(resumed))
    assert {key: again[key] for key in ("tokens", "examples", "curve")} == {
        key: report[key] for key in ("tokens", "examples", "curve")
    }


def test_a_checkpoint_of_other_settings_or_half_written_is_not_used(tmp_path):
    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters())
    model(input_ids=torch.tensor([[1, 2]])).logits.sum().backward()
    optimizer.step()
    save_state(tmp_path, 7, "print", model, optimizer, {"tokens": 1})
    assert load_state(tmp_path, "print", model, optimizer)[0] == 7
    assert load_state(tmp_path, "another", model, optimizer) == (0, {})
    (tmp_path / "step7").rename(tmp_path / "step7.part")
    assert load_state(tmp_path, "print", model, optimizer) == (0, {})


def stepped(step: int, tmp_path, fingerprint: str = "print"):
    """A model after one update, saved as the state after ``step``."""
    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters())
    model(input_ids=torch.tensor([[1, 2]])).logits.sum().backward()
    optimizer.step()
    save_state(tmp_path, step, fingerprint, model, optimizer, {"tokens": step})
    return model, optimizer


def test_an_earlier_state_is_used_where_the_newest_is_of_other_settings(tmp_path):
    stepped(9, tmp_path, "another")
    model, optimizer = stepped(7, tmp_path)
    assert load_state(tmp_path, "print", model, optimizer) == (7, {"tokens": 7})
    assert load_state(tmp_path, "another", model, optimizer) == (9, {"tokens": 9})


def test_the_newest_state_that_is_not_ruined_is_told(tmp_path):
    """Of the updates 3 and 7; after 9 none was saved."""
    for step in (3, 7):
        stepped(step, tmp_path)
    assert [drop_state(tmp_path, step) for step in (9, 7, 3)] == [7, 3, None]


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "state.json", "digests.json"]
)
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:50],
        lambda data: b"",
        None,
    ],
)
def test_a_damaged_checkpoint_is_passed_over_for_an_earlier_one(tmp_path, name, damage, caplog):
    """A flipped bit, the first bytes alone, nothing, or no file: the state before it leads to the
    same bits, and so does none."""
    model, optimizer = stepped(12, tmp_path)
    stepped(3, tmp_path / "beside")
    (tmp_path / "beside" / "step3").rename(tmp_path / "step3")
    (tmp_path / "beside").rmdir()
    path = tmp_path / "step12" / name
    path.unlink() if damage is None else path.write_bytes(damage(path.read_bytes()))
    assert load_state(tmp_path, "print", model, optimizer) == (3, {"tokens": 3})
    assert "step12 is damaged" in caplog.text
    stepped(12, tmp_path)
    assert load_state(tmp_path, "print", model, optimizer)[0] == 12, "it can be made anew"


def broken_at(update: int) -> Objective:
    """Its loss is no number from some update on."""
    calls = iter(range(1, 1000))

    def loss(model, batch):
        return classification_loss(model, batch) * (math.nan if next(calls) >= update else 1.0)

    return Objective({"train": Part(examples(), loss)})


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(
        UserError, match="not finite at update 1(.*\n)*.*no earlier state was saved"
    ):
        train(tiny_model(), broken_at(1), SETTINGS, 1, ("s",), tmp_path, "p")


@pytest.mark.parametrize(("every", "broken", "kept"), [(0, 4, 2), (1e9, 8, 6)])
def test_the_last_state_that_gave_a_finite_loss_is_kept(tmp_path, every, broken, kept):
    """Saved after each update: the loss of update 4 is no number, so the weights after 3 updates
    are ruined and those after 2 are not. Saved after an epoch alone, of 6 updates: those of the
    first."""
    settings = SETTINGS | {"checkpoint_seconds": every}
    with pytest.raises(
        UserError,
        match=f"not finite at update {broken}(.*\\n)*.*the state after update {kept} is kept",
    ):
        train(tiny_model(), broken_at(broken), settings, 2, ("s",), tmp_path, "p")
    model = tiny_model()
    assert load_state(tmp_path, "p", model, torch.optim.AdamW(model.parameters()))[0] == kept
    assert not same(weights(model), weights(tiny_model()))


def test_a_model_that_is_ruined_while_its_loss_is_still_a_number_is_told(tmp_path):
    """Seen after the second epoch; what was saved there is ruined, what was saved after the first
    is not."""

    def watch(model, earlier):
        return {"perplexity": math.inf if len(earlier) == 2 else 2.0}, False

    objective, settings = (
        Objective({"train": Part(examples(), classification_loss)}),
        SETTINGS | {"checkpoint_seconds": 0},
    )
    with pytest.raises(
        UserError,
        match="what is watched is not finite at update 12(.*\n)*.*perplexity(.*\n)*.*after "
        "update 11 "
        "is kept",
    ):
        train(tiny_model(), objective, settings, 3, ("s",), tmp_path, "p", watch)


def two_parts(**changes) -> Objective:
    """10 examples that are learnt, and 22 of which as many again are drawn twice for each batch."""
    parts = {
        "first": Part(examples(10), classification_loss),
        "second": Part(examples(), classification_loss, times=2),
    }
    return Objective(parts, **changes)


@pytest.mark.parametrize("size", (4, 10))
def test_further_parts_go_through_all_examples_again_and_again(size):
    """Of 10 examples a batch of 4 leaves 2 over, of the second part 8 and 4; an epoch draws 20 of
    its 22."""
    epochs = [two_parts().epoch(number, size, ("s",)) for number in range(4)]
    for number, batches in enumerate(epochs, start=1):
        assert sorted(np.concatenate([batch["first"] for batch in batches])) == list(range(10))
        assert all(len(batch["second"]) == 2 * len(batch["first"]) for batch in batches)
        seen = np.bincount(
            np.concatenate([batch["second"] for batches in epochs[:number] for batch in batches]),
            minlength=22,
        )
        assert seen.sum() == 20 * number and seen.max() - seen.min() <= 1


def test_batches_of_further_parts_hold_texts_of_like_length():
    """Lengths 1 to 40: in batches of 10, lengths that are alike lie within 10, which random ones
    never do."""

    class Counted:
        lengths = counted = np.arange(1, 41)

    objective = Objective(
        {name: Part(Counted(), classification_loss) for name in ("first", "second")}
    )
    batches = objective.epoch(0, 10, ("s",))
    for name in objective.parts:
        assert sorted(int(np.ptp(batch[name])) for batch in batches) == [9] * 4
    assert any(batch["first"].min() != batch["second"].min() for batch in batches), (
        "pairs do not go by length"
    )


def test_means_of_parts_are_joined_by_weights(tmp_path, monkeypatch):
    """One SGD update is w - lr (g_first - 3 g_second), each gradient that of the mean over its own
    part."""
    monkeypatch.setattr(
        loop.torch.optim, "AdamW", lambda groups, lr, betas, fused: torch.optim.SGD(groups, lr=lr)
    )
    objective = two_parts(weights={"first": 1.0, "second": -3.0})
    settings = SETTINGS | {"batch_size": 10, "clip_norm": None, "weight_decay": 0.0}
    model, _ = train(tiny_model(0.0), objective, settings, 1, ("s",), tmp_path / "whole", "p")
    cut, _ = train(
        tiny_model(0.0),
        objective,
        settings | {"micro_batch_size": 3},
        1,
        ("s",),
        tmp_path / "cut",
        "p",
    )
    batch = objective.epoch(0, 10, ("s",))[0]
    reference = tiny_model(0.0)
    first, second = (
        classification_loss(reference, part.examples.batch(batch[name]))
        for name, part in objective.parts.items()
    )
    (first / 10 - 3 * second / 20).backward()
    for parameter, new, other in zip(
        reference.parameters(), model.parameters(), cut.parameters(), strict=True
    ):
        assert torch.allclose(new, parameter - 0.01 * parameter.grad, atol=1e-6)
        assert torch.allclose(new, other, atol=1e-6)


@pytest.mark.parametrize("micro", [None, 4, 15])
def test_means_may_be_joined_by_any_function(tmp_path, monkeypatch, micro):
    """|a - b|: the gradient is sign(a - b) (g_a - g_b), the sign that of the means over the whole
    batch, however it is cut: at 15 the second part alone, of 20 a batch."""
    monkeypatch.setattr(
        loop.torch.optim, "AdamW", lambda groups, lr, betas, fused: torch.optim.SGD(groups, lr=lr)
    )
    objective = two_parts(join=lambda means: (means["first"] - means["second"]).abs())
    settings = SETTINGS | {
        "batch_size": 10,
        "micro_batch_size": micro,
        "clip_norm": None,
        "weight_decay": 0.0,
    }
    model, report = train(tiny_model(0.0), objective, settings, 1, ("s",), tmp_path, "p")
    batch = objective.epoch(0, 10, ("s",))[0]
    reference = tiny_model(0.0)
    first, second = (
        classification_loss(reference, part.examples.batch(batch[name]))
        for name, part in objective.parts.items()
    )
    gap = (first / 10 - second / 20).abs()
    gap.backward()
    assert report["curve"][0][1] == pytest.approx(gap.item(), abs=1e-5)
    for parameter, new in zip(reference.parameters(), model.parameters(), strict=True):
        assert torch.allclose(new, parameter - 0.01 * parameter.grad, atol=1e-6)


def test_a_watch_is_asked_before_the_first_update_and_after_each_epoch_and_may_stop(tmp_path):
    asked = []

    def watch(model, earlier):
        asked.append((len(earlier), model.training))
        return {"number": float(len(earlier))}, len(earlier) == 2

    objective = Objective({"train": Part(examples(), classification_loss)})
    _, report = train(tiny_model(), objective, SETTINGS, 5, ("s",), tmp_path, "p", watch)
    assert asked == [(0, False), (1, False), (2, False)]
    assert (
        report["steps"] == 12
        and report["stopped"]
        and report["watched"][-1] == {"update": 12, "number": 2.0}
    )


def test_vectors_do_not_decay():
    decayed, free = loop._parameter_groups(tiny_model(), 0.1)
    assert all(p.ndim >= 2 for p in decayed["params"]) and all(p.ndim < 2 for p in free["params"])
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
