"""The leave-one-out ensemble: what is its own."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import (
    SAW,
    VOCABULARY,
    run_of,
    tiny,
    value,
)

from palimpsest.ensemble import soft_labels
from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.methods import loo_ensemble


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
        found += [labelled.every["labels_of_teachers"], labelled.every["kept"]]
    assert (
        torch.allclose(whole_set[0], pieces[0], rtol=1e-12)
        and torch.equal(whole_set[1], pieces[1])
        and whole_set[0].shape[1] == 6
    )


@pytest.mark.parametrize("aggregate", ["mean", "geometric"])
def test_a_token_that_nobody_can_say_costs_leave_one_out_nothing(aggregate):
    """The rows by which a vocabulary is filled up to a round size have a logit of -inf, with the
    teachers and the student."""

    run = run_of("causal")
    track = run.track

    def predict(model, batch):
        said = track.predict(model, batch)
        return said._replace(logits=said.logits.index_fill(1, torch.tensor([0]), -torch.inf))

    run = dataclasses.replace(run, track=SimpleNamespace(predict=predict))
    settings = loo_ensemble.Settings(aggregate=aggregate)
    part = loo_ensemble.objective(run, settings).parts["forget"]
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
