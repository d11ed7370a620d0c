"""What no method can work with is refused, by name and before anything trains."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import yaml

from palimpsest.data.shards import place
from palimpsest.errors import UserError
from palimpsest.steps.unlearn import check_sets, check_teachers, who_saw
from palimpsest.study.load import check_study

WANTED = {"method": "kga", "state": "r1", "unseen": True}
TOFU = yaml.safe_load(open("config/studies/tofu.yaml", encoding="utf-8"))


def frame(**texts_of) -> pd.DataFrame:
    """Records of owners, by their texts."""
    rows = [
        (f"{owner}-{number}", owner, "", text)
        for owner, texts in texts_of.items()
        for number, text in enumerate(texts)
    ]
    return pd.DataFrame(rows, columns=["record_id", "owner", "prompt", "completion"])


def owner_in(shard: int, skip: int = 0) -> str:
    names = (
        name
        for name in (f"owner{number}" for number in range(100))
        if place(name, "3x1", "s", 1)[0] == shard
    )
    return [next(names) for _ in range(skip + 1)][-1]


@pytest.mark.parametrize(
    ("empty", "said"),
    [
        ("retain", "asks for all of the data"),
        ("extra", "no unseen text"),
    ],
)
def test_empty_sets(empty, said):
    frames = {name: frame(ann=["a"]) for name in ("forget", "retain", "extra")}
    check_sets(frames, WANTED)
    with pytest.raises(UserError, match=said) as told:
        check_sets(frames | {empty: frame()}, WANTED)
    assert "method kga, state r1" in str(told.value) and "remedy" in str(told.value)
    if empty == "extra":
        check_sets(frames | {empty: frame()}, WANTED | {"unseen": False})
        check_sets(frames | {empty: frame(), "forget": frame()}, WANTED)  # nothing to do


def test_every_teacher_that_saw_a_text_is_left_out_and_the_log_names_the_record(caplog):
    """Owner a of shard 1 asks; b of shard 3, who may have been forgotten before, has the first of
    a's texts, too."""
    a, b = owner_in(1), owner_in(3)
    forget, others = frame(**{a: ["shared", "own"]}), frame(**{b: ["shared", "other"]})
    saw = who_saw(forget, pd.concat([forget, others]), "3x1", "s", 1)
    assert saw.tolist() == [[True, False, True], [True, False, False]]
    with caplog.at_level("INFO"):
        check_teachers(saw, forget, WANTED)
    assert (
        "learnt by several teachers" in caplog.text
        and f"'{a}-0'" in caplog.text
        and "shared" not in caplog.text
    )


def test_a_text_that_every_teacher_saw_is_refused():
    forget = frame(ann=["everywhere", "own"])
    with pytest.raises(UserError, match="every teacher saw these records(.*\n)*.*'ann-0'"):
        check_teachers(np.array([[True, True], [True, False]]), forget, WANTED)


def study(**changes) -> dict:
    return check_study({**copy.deepcopy(TOFU), **changes}, "study.yaml")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sharding": ["1x1"]}, "leave-one-out needs two teachers at least"),
        ({"options": {"loo_ensemble": {"sharding": "1x1"}}},
         "leave-one-out needs two teachers at least"),
        ({"options": {"kga": {"alpha": -0.1}}}, "options.kga.alpha: out of range"),
        ({"options": {"npo": {"beta": 0}}}, "options.npo.beta: out of range"),
        ({"options": {"kga": {"inner_steps": 0}}}, "options.kga.inner_steps: out of range"),
        ({"options": {"loo_ensemble": {"keep": 0}}}, "options.loo_ensemble.keep: out of range"),
        ({"options": {"npo": {"betas": [2, 0.9]}}}, "options.npo.betas: out of range"),
        ({"options": {"gradient_ascent": {"schedule": "cubic"}}},
         "options.gradient_ascent.schedule: wrong type"),
        ({"options": {"gradient_ascent": {"batch_size": 4}}},
         "options.gradient_ascent.batch_size: wrong type"),
        ({"options": {"sham": {"order": "sequential"}}},
         "there is no method of this name that has settings"),
        ({"options": {"loo_ensemble": {"sharding": "5x1"}}},
         "no teachers of this sharding(.*\n)*.*'5x1'(.*\n)*.*4x1"),
        ({"requests": "latest"}, "keeps nothing but teachers"),
        ({"options": {"npo": {"beta": "0.1"}}}, "options.npo.beta: wrong type"),
        ({"methods": ["base", "oracle", "sham"]}, "there is no method to set it beside"),
        ({"methods": ["base", "sisa_vote"]}, "not defined for this track"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(changes, said):
    study()
    with pytest.raises(UserError, match=said):
        study(**changes)
