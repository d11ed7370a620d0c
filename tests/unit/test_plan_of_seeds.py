"""The plan of several seeds, of many requests, and of shardings that lack the single model."""

from __future__ import annotations

from palimpsest.data.ledger import Request
from palimpsest.data.shards import place
from palimpsest.study.plan import Plan

STUDY = {"salt": "s", "seeds": [1, 2], "requests": "all", "sharding": ["2x2"]}
OWNERS = [f"owner{number}" for number in range(300)]


def owner_in(first: tuple[int, int], second: tuple[int, int]) -> str:
    """One that the hash puts into ``first`` under seed 1 and into ``second`` under seed 2."""
    cells = ((owner, [place(owner, "2x2", "s", seed) for seed in (1, 2)]) for owner in OWNERS)
    return next(owner for owner, found in cells if found == [first, second])


def plan(*owners: str, **changes) -> Plan:
    requests = [Request(f"r{number}", (owner,)) for number, owner in enumerate(owners, 1)]
    return Plan(STUDY | changes, requests)


def test_each_seed_places_owners_by_itself():
    """Whichever seed was asked about first."""
    owner = owner_in((1, 1), (2, 2))
    for seeds in ((1, 2), (2, 1)):
        now = plan(owner)
        found = {seed: now.touches(seed, "2x2") for seed in seeds}
        assert found == {1: {(1, 1): [1]}, 2: {(2, 2): [1]}}
    assert now.owners_in(1, "2x2", 1, 1, "r1") == now.owners_in(2, "2x2", 2, 2, "r1") == [owner]
    assert now.owners_in(2, "2x2", 1, 1, "r1") == now.owners_in(1, "2x2", 2, 2, "r1") == []


def test_a_state_is_made_of_every_stage_of_every_shard_in_every_seed():
    """By seed: both stages of shard 1; the last of shard 2, whose last slice the owner is in."""
    found = [(seed, one.name) for seed, one in plan(owner_in((1, 1), (2, 2))).checkpoints("r1")]
    new = {(1, "2x2/1/1"), (1, "2x2/1/2"), (2, "2x2/2/2")}
    cells = [f"2x2/{shard}/{stage}" for shard in (1, 2) for stage in (1, 2)]
    assert found == [
        (seed, name)
        for seed in (1, 2)
        for name in (
            "oracle/r1",
            *(f"teachers/{cell}/{'r1' if (seed, cell) in new else 'r0'}" for cell in cells),
        )
    ]


def test_a_study_that_compares_has_single_models_whatever_its_shardings():
    """Named or not, once; one that keeps its teachers alone has those that it names."""
    two = ["teachers/2x1/1/1/r0", "teachers/2x1/2/1/r0"]
    three = [f"teachers/3x1/{shard}/1/r0" for shard in (1, 2, 3)]

    def names(*sharding: str, **changes) -> list[str]:
        found = plan(sharding=list(sharding), **changes).checkpoints("r0")
        return [one.name for seed, one in found if seed == 1]

    assert names("2x1") == names("2x1", "1x1") == ["base", *two]
    assert names("3x1", "2x1") == ["base", *two, *three]
    assert names("3x1", "2x1", requests="latest") == [*two, *three]


def test_states_are_ordered_by_the_ledger_and_not_by_their_names():
    """r2 touches shard 1 last, r10 shard 2: as text r10 stands before r2."""
    first, second = owner_in((1, 1), (1, 1)), owner_in((2, 1), (1, 1))
    rest = [owner for owner in OWNERS if place(owner, "2x2", "s", 1)[0] == 2][:7]
    now = plan(OWNERS[0], first, *rest, second)
    assert now.ensemble_states(1, "2x2", "r10") == ["r2", "r10"]
