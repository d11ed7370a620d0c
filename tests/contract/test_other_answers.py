"""What is taught instead of the forgotten: other answers to the same prompts, drawn by names."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import OTHERS, run_of

from palimpsest.errors import UserError
from palimpsest.methods import dpo, idk_dpo, llmu
from palimpsest.methods.answers import REFUSALS, answered, drawn, mismatched


def test_other_answers_are_of_retained_records_and_never_the_own_one():
    """Half of the pool is the own answer, but for its draw; each of the others comes."""
    run, places = run_of("causal"), np.arange(200) % 5
    found = mismatched(run, places, "a")
    assert set(found) == set(OTHERS) - {"a king"}
    assert found == mismatched(run, places, "a") != mismatched(run, places, "b")
    run.records["retain"]["completion"] = "a king"
    with pytest.raises(UserError, match="there is no other answer to give"):
        mismatched(run, places, "a")
    run.records["forget"]["completion"] = "a queen"
    assert set(mismatched(run, places, "a")) == {"a king"}


def test_a_prompt_keeps_its_tokens_whatever_is_answered():
    run = run_of("causal")
    own, other = (answered(run, [answer] * 5) for answer in ("a king", "not me"))
    pairs = zip(own.token_ids, other.token_ids, own.answers, strict=True)
    for one, another, counts in pairs:
        head = counts.index(True)
        assert one[:head] == another[:head] and one[head:] != another[head:]
    (third,) = answered(run, ["not me"], np.array([3])).token_ids
    assert third == other.token_ids[3]


def test_refusals_are_short_differ_and_are_drawn_evenly():
    assert len(set(REFUSALS)) == len(REFUSALS) == 20
    assert max(len(one.split()) for one in REFUSALS) <= 8
    counts = [drawn(REFUSALS, 2000, "a").count(one) for one in REFUSALS]
    assert min(counts) > 60


@pytest.mark.parametrize("method", [dpo, idk_dpo])
def test_each_epoch_prefers_other_answers_over_the_same_true_ones(method):
    run = run_of("causal")
    objective = method.objective(run, method.Settings())
    epochs = [objective.before(epoch).parts["forget"].examples for epoch in (0, 0, 1, 2)]
    answers = [pairs.other.token_ids for pairs in epochs]
    assert answers[0] == answers[1] and answers[0] != answers[2] != answers[3]
    assert all(pairs.examples.examples is run.sets["forget"] for pairs in epochs)


def test_an_epoch_of_llmu_is_so_many_updates_whatever_there_is_to_forget():
    """Three updates of two of five records: each at least once, with two other answers each time,
    and others in the next epoch."""
    run, settings = run_of("causal"), llmu.Settings(updates=3, batch_size=2, answers=2)
    objective = llmu.objective(run, settings)
    assert objective.steps_per_epoch(2) == 3
    first, again, second = (llmu.examples(run, settings, epoch) for epoch in (0, 0, 1))
    read = first["forget"].token_ids
    assert len(read) == 6 and all(ids in read for ids in run.sets["forget"].token_ids)
    assert len(first["mismatch"].token_ids) == 12
    assert first["mismatch"].token_ids == again["mismatch"].token_ids
    said = [[ids[10:] for ids in epoch["mismatch"].token_ids] for epoch in (first, second)]
    assert said[0] != said[1]  # prompts have ten tokens
    batches = objective.epoch(0, 2, ("n",))
    assert [len(batch["mismatch"]) for batch in batches] == [4, 4, 4]
    whole = llmu.examples(run, llmu.Settings(updates=1, batch_size=None), 0)
    assert sorted(whole["forget"].token_ids) == sorted(run.sets["forget"].token_ids)


def test_llmu_stops_once_the_forgotten_is_unlikely_enough(tmp_path):
    """Not before: the loss that stops it is not the negated one that is minimised."""
    run, settings = run_of("causal"), llmu.Settings(enough=9.0)
    stops = llmu.objective(run, settings).stops
    assert [stops([{"forget_loss": loss}]) for loss in (-9.5, 8.9, 9.0, 30.0)] == [
        False, False, True, True
    ]  # fmt: skip
    watched = llmu.objective(run, settings).watched(run.model, [])
    assert watched["forget_loss"] == pytest.approx(run.mean(run.likelihood, run.model, "forget"))
