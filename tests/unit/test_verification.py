"""Which replacements can be trained again, which are drawn, what may explain other bytes, and when
a record of it still holds."""

from __future__ import annotations

import getpass
import socket
from pathlib import Path

import pytest
from filing import replaced
from served import REQUESTS, STUDY, Served

from palimpsest.audit.verification import (
    chain,
    differences,
    drawn,
    last,
    machine,
    record,
    unavailable,
    weights_of,
)
from palimpsest.errors import UserError
from palimpsest.study.plan import Plan

LAST = "teachers/2x2/1/2/r2"


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    return Served.laid(tmp_path_factory.mktemp("laid"))


@pytest.fixture
def served(laid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return laid.copy()


# --- what can be trained again --------------------------------------------------------------------


def test_a_stage_comes_after_those_that_it_started_from():
    """bob lies in (1, 2) in seed 1: r2 touches the second slice of shard 1 alone, and its first
    stage is that of r1."""
    plan = Plan(STUDY, [*REQUESTS])
    assert [one.name for one in chain(plan, 1, LAST)] == ["teachers/2x2/1/1/r1", LAST]
    assert [one.name for one in chain(plan, 1, "oracle/r2")] == ["oracle/r2"]


def test_what_training_needs_is_missed_by_name(served):
    plan = served.plan
    assert all(
        not unavailable(plan, seed, one.name, ["corpus.txt"])
        for seed, one in plan.checkpoints("r2")
    )
    first, second = chain(plan, 1, LAST)
    for path in (
        served.model(1, LAST),
        served.model(1, first.name),
        served.slice(1, second.slices[0]),
        served.slice(1, second.slices[1]),
        served.slice(1, second.slices[1]).with_suffix(".json"),
        Path("corpus.txt"),
    ):
        kept = path.read_bytes()
        path.unlink()
        assert unavailable(plan, 1, LAST, ["corpus.txt"]) == f"not on this disk: {path}"
        path.write_bytes(kept)
    assert not unavailable(plan, 1, LAST, [])
    assert "not in the ledger" in unavailable(plan, 1, "oracle/r9", [])


def test_what_learnt_from_the_purged_cannot_be_trained_again(served):
    """Of r1 after a purge up to r2: whatever held bob. The first stage of shard 1, which did not,
    is as good as ever."""
    plan = Plan(served.plan.study, served.plan.requests, "r2")
    for name in ("oracle/r1", "teachers/2x2/1/2/r1", "base"):
        assert unavailable(plan, 1, name, []) == "it learnt from text that was purged"
    assert not unavailable(plan, 1, "teachers/2x2/1/1/r1", [])


# --- which are drawn ------------------------------------------------------------------------------


def test_a_sample_follows_from_its_names_and_keeps_the_order():
    every = [*range(40)]
    one, again, other = (drawn(every, 7, "s", "r1", day) for day in ("mon", "mon", "tue"))
    assert one == again != other and one == sorted(set(one)) and len(one) == 7
    assert set().union(*(drawn(every, 7, day) for day in range(60))) == set(every)


@pytest.mark.parametrize("sample", [None, 3, 4])
def test_all_are_taken_where_there_are_no_more(sample):
    assert drawn(["a", "b", "c"], sample, "s") == ["a", "b", "c"]


# --- what may explain other bytes -----------------------------------------------------------------


def test_what_differs_is_told_and_what_varies_anyway_is_not():
    before = {
        "processor": "one", "device": "cpu", "versions": {"torch": "2.1", "numpy": "2"},
        "curve": [[1, 0.5]], "epochs": 2, "seconds": 1.0, "sha256": "a", "digest": "b",
    }  # fmt: skip
    now = before | {
        "processor": "two", "versions": {"torch": "2.2", "numpy": "2"}, "curve": [[1, 0.4]],
        "seconds": 2.0, "sha256": "c", "digest": "d", "peak_mb": 9,
    }  # fmt: skip
    told = ["curve", "processor one, now two", "torch 2.1, now 2.2"]
    assert differences(before, now) == told and differences(before, before) == []
    before.pop("processor")
    assert "processor not recorded, now two" in differences(before, now)


def test_the_machine_is_told_without_its_name_or_that_of_its_user():
    told = machine("cpu")
    assert [*told] == ["system", "processor", "torch", "device"] and all(told.values())
    assert told["torch"].startswith("torch 2") and told["device"] == "cpu"
    words = {word.strip(",") for one in told.values() for word in one.split()}
    assert not words & {socket.gethostname(), getpass.getuser()}


# --- the record of it -----------------------------------------------------------------------------


def compared(sha256: str, again: str) -> dict:
    entry = {"seed": 1, "checkpoint": "oracle/r1", "sha256": sha256, "again": again}
    return {"date": "today", "checkpoints": [entry | {"equal": sha256 == again}]}


def test_a_record_holds_as_long_as_the_weights_are_those_that_were_compared(served):
    """As they lay there, or as training gave them: with either the certificate goes on saying what
    was found. What was not replaced is no matter."""
    plan = served.plan
    assert last(plan, "r1", [replaced(sha256="a")]) is None
    found = compared("a", "b")
    path = record(plan, "r1", found)
    assert path == Path("results/s/verified/r1.json")
    for sha256, still in (("a", True), ("b", True), ("c", False)):
        assert last(plan, "r1", [replaced(sha256=sha256)]) == (found if still else None)
    assert last(plan, "r1", [replaced(checkpoint="oracle/r2", sha256="c")]) == found
    assert last(plan, "r2", [replaced(sha256="a")]) is None
    path.write_text(path.read_text().replace("today", "never"))
    with pytest.raises(UserError, match="damaged"):
        last(plan, "r1", [replaced(sha256="a")])


def test_weights_lie_where_their_rule_puts_them(served):
    assert weights_of(served.plan, 2, "oracle/r1") == served.model(2, "oracle/r1")
