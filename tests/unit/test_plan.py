"""Versions follow from the ledger alone, and a request changes the names of what it touches and of
nothing else."""

from __future__ import annotations

from collections import Counter

import pytest

from palimpsest.data.ledger import Request
from palimpsest.data.shards import place
from palimpsest.study.plan import Plan

STUDY = {"salt": "s", "seeds": [1], "requests": "all"}
OWNERS = [f"owner{number}" for number in range(300)]


def owner_in(cell, sharding, skip=0):
    """An owner that the hash puts into ``cell``."""
    return [owner for owner in OWNERS if place(owner, sharding, "s", 1) == cell][skip]


def plan(*owners, **changes):
    return Plan(
        STUDY | changes, [Request(f"r{number}", (owner,)) for number, owner in enumerate(owners, 1)]
    )


def names(plan, sharding, state):
    shards, slices = map(int, sharding.split("x"))
    cells = [(shard, stage) for shard in range(1, shards + 1) for stage in range(1, slices + 1)]
    return {cell: plan.checkpoint(1, sharding, *cell, state).name for cell in cells}


def test_placement_is_even_and_nested():
    cells = Counter(place(owner, "3x2", "s", 1) for owner in (str(n) for n in range(6000)))
    assert set(cells) == {(shard, part) for shard in (1, 2, 3) for part in (1, 2)}
    assert max(cells.values()) < 1.15 * min(cells.values())
    for owner in OWNERS:
        assert place(owner, "3x1", "s", 1)[0] == place(owner, "3x4", "s", 1)[0], (
            "the shard does not depend on the slices"
        )
        assert place(owner, "2x4", "s", 1)[1] == place(owner, "3x4", "s", 1)[1], (
            "nor the slice on the shards"
        )


def test_placement_depends_on_salt_and_seed():
    first = [place(owner, "5x3", "s", 1) for owner in OWNERS]
    assert first != [place(owner, "5x3", "t", 1) for owner in OWNERS]
    assert first != [place(owner, "5x3", "s", 2) for owner in OWNERS]


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_request_touches_its_shard_from_its_slice_on_and_nothing_else(part):
    before, after = plan(), plan(owner_in((2, part), "4x3"))
    old, new = names(before, "4x3", "r0"), names(after, "4x3", "r1")
    changed = {cell for cell in old if old[cell] != new[cell]}
    assert changed == {(2, stage) for stage in range(part, 4)}
    assert {name for cell, name in new.items() if cell in changed} == {
        f"teachers/4x3/2/{stage}/r1" for stage in range(part, 4)
    }


def test_a_checkpoint_names_the_states_of_its_slices_and_its_start():
    """r1 touches slice 2, r2 slice 1 of the same shard: after both, slice 2 is still that of r1,
    its checkpoint that of r2."""
    now = plan(owner_in((1, 2), "2x3"), owner_in((1, 1), "2x3"))
    checkpoint = now.checkpoint(1, "2x3", 1, 3, "r2")
    assert checkpoint.name == "teachers/2x3/1/3/r2"
    assert checkpoint.slices == ("2x3/1/1/r2", "2x3/1/2/r1", "2x3/1/3/r0")
    assert checkpoint.previous == "teachers/2x3/1/2/r2"
    first = now.checkpoint(1, "2x3", 1, 3, "r1")
    assert (first.name, first.previous) == ("teachers/2x3/1/3/r1", "teachers/2x3/1/2/r1")
    assert now.checkpoint(1, "2x3", 1, 2, "r1").previous == "teachers/2x3/1/1/r0"


def test_taking_the_last_request_back_brings_back_the_earlier_names():
    two, one = plan(OWNERS[0], OWNERS[1]), plan(OWNERS[0])
    assert names(two, "3x2", "r1") == names(one, "3x2", "r1")


def test_one_by_one_is_base_and_oracle():
    now = plan(OWNERS[0], OWNERS[1])
    assert [now.checkpoint(1, "1x1", 1, 1, state).name for state in ("r0", "r1", "r2")] == [
        "base",
        "oracle/r1",
        "oracle/r2",
    ]


def test_names_parse_back():
    now = plan(OWNERS[0], OWNERS[1])
    for state in ("r0", "r1", "r2"):
        for sharding in ("1x1", "3x2"):
            for name in names(now, sharding, state).values():
                assert now.checkpoint(1, *now.parse(name)).name == name


def test_an_ensemble_is_put_together_from_states():
    """r1 touches shard 1, r2 shard 3 of 3: in r2 the teachers are of r1, r0 and r2; only those of
    r2 were scored for r2."""
    now = plan(owner_in((1, 1), "3x1"), owner_in((3, 1), "3x1"))
    assert now.teacher_states(1, "3x1", "r2") == {1: "r1", 2: "r0", 3: "r2"}
    assert now.ensemble_states(1, "3x1", "r2") == ["r0", "r1", "r2"]
    assert now.teachers(1, "3x1", "r2") == {3: "teachers/3x1/3/1/r2"}
    assert set(now.teachers(1, "3x1", "r0")) == {1, 2, 3}


def test_what_was_trained_for_a_request():
    now = plan(owner_in((2, 2), "3x3"))
    assert now.trained_for(1, "3x3", "r1") == ["teachers/3x3/2/2/r1", "teachers/3x3/2/3/r1"]
    assert now.trained_for(1, "1x1", "r1") == ["oracle/r1"]


def test_owners_of_a_slice_are_those_of_the_requests_so_far():
    first, second = owner_in((1, 2), "2x2"), owner_in((1, 2), "2x2", skip=1)
    now = plan(first, second)
    assert now.owners_in(1, "2x2", 1, 2, "r1") == [first]
    assert now.owners_in(1, "2x2", 1, 2, "r2") == sorted([first, second])
    assert now.owners_in(1, "2x2", 1, 1, "r2") == []


def test_latest_evaluates_the_newest_state_alone():
    assert plan(OWNERS[0], requests="latest").states == ["r1"]
    assert plan(OWNERS[0]).states == ["r0", "r1"]


def test_what_a_purge_took_is_gone_and_the_rest_is_not():
    """After r1 and a purge: what r1 replaced cannot be made again; what it left alone can, and so
    can all that comes later."""
    first = owner_in((2, 1), "3x2")
    whole, purged = plan(first), Plan(STUDY, plan(first, owner_in((1, 2), "3x2")).requests, "r1")
    old, new = names(whole, "3x2", "r0"), names(whole, "3x2", "r1")
    assert {cell for cell in old if purged.gone(1, old[cell])} == {(2, 1), (2, 2)}
    assert (
        purged.gone(1, "base")
        and not purged.gone(1, "oracle/r1")
        and not purged.gone(1, "oracle/r2")
    )
    assert not any(
        purged.gone(1, name) for name in {*new.values(), *names(purged, "3x2", "r2").values()}
    )
    assert not any(whole.gone(1, name) for name in {*old.values(), *new.values(), "base"})
    assert (purged.states, purged.shown) == (["r1", "r2"], ["r0", "r1", "r2"])
