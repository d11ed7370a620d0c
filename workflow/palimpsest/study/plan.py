"""The plan: which version of which slice and checkpoint each state needs, decided from the study
and the ledger alone.

The version of a slice is the last request that touched it; that of a checkpoint, the last that
touched its slice or an earlier one of its shard. A request so changes the paths of what it touches
and of nothing else, and Snakemake does the minimal work by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from palimpsest.data.ledger import START, Request
from palimpsest.data.shards import parse_sharding, place

SINGLE = "1x1"  # one model on all data: base before any request, oracle after one


@dataclass(frozen=True)
class Checkpoint:
    """A stage of a teacher: what it is called and what it is made of."""

    name: str  # folder below results/{study}/seed{seed}
    slices: tuple[str, ...]  # slice files (without suffix) below results/{study}/seed{seed}/shards
    previous: str | None  # name of the checkpoint whose weights it starts from


class Plan:
    """Versions and paths of one study under its ledger."""

    def __init__(self, study: dict, requests: list[Request], purged: str = START):
        """``purged`` is the last request whose earlier states were purged: they cannot be made
        again."""
        self.study = study
        self.requests = requests
        self.purged = purged
        self.names = [START, *(request.name for request in requests)]
        self.order = {name: number for number, name in enumerate(self.names)}
        self.seeds = study["seeds"]

    @property
    def latest(self) -> str:
        """The newest state."""
        return self.names[-1]

    @cached_property
    def shown(self) -> list[str]:
        """The states that tables and figures tell of."""
        return [self.latest] if self.study["requests"] == "latest" else self.names

    @cached_property
    def states(self) -> list[str]:
        """The states that are evaluated; numbers of older ones stay as a purge left them."""
        return [state for state in self.shown if self.order[state] >= self.order[self.purged]]

    def gone(self, seed: int, checkpoint: str) -> bool:
        """Whether a checkpoint learnt from text that was purged."""
        sharding, shard, stage, version = self.parse(checkpoint)
        older = self.order[version] < self.order[self.purged]
        return (
            older and self.checkpoint(seed, sharding, shard, stage, self.purged).name != checkpoint
        )

    @cached_property
    def _touches(self) -> dict[tuple[int, str], dict[tuple[int, int], list[int]]]:
        return {}

    def touches(self, seed: int, sharding: str) -> dict[tuple[int, int], list[int]]:
        """(shard, slice) -> numbers of the requests that touch it, ascending."""
        key = (seed, sharding)
        if key not in self._touches:
            found: dict[tuple[int, int], list[int]] = {}
            for number, request in enumerate(self.requests, 1):
                for cell in {
                    place(owner, sharding, self.study["salt"], seed) for owner in request.owners
                }:
                    found.setdefault(cell, []).append(number)
            self._touches[key] = found
        return self._touches[key]

    def owners_in(
        self, seed: int, sharding: str, shard: int, slice_: int, version: str
    ) -> list[str]:
        """Forgotten owners of one slice up to and with ``version``, sorted."""
        return sorted(
            owner
            for request in self.requests[: self.order[version]]
            for owner in request.owners
            if place(owner, sharding, self.study["salt"], seed) == (shard, slice_)
        )

    def version(self, seed: int, sharding: str, shard: int, slices: range, state: str) -> str:
        """Last request up to ``state`` that touched one of ``slices`` of ``shard``."""
        touches, now = self.touches(seed, sharding), self.order[state]
        return self.names[
            max((n for s in slices for n in touches.get((shard, s), ()) if n <= now), default=0)
        ]

    def checkpoint(
        self, seed: int, sharding: str, shard: int, stage: int, state: str
    ) -> Checkpoint:
        """The checkpoint after ``stage`` slices of ``shard``, as it is in ``state``."""
        version = self.version(seed, sharding, shard, range(1, stage + 1), state)
        slices = tuple(
            f"{sharding}/{shard}/{s}/"
            f"{self.version(seed, sharding, shard, range(s, s + 1), version)}"
            for s in range(1, stage + 1)
        )
        previous = (
            self.checkpoint(seed, sharding, shard, stage - 1, version).name if stage > 1 else None
        )
        return Checkpoint(self._name(sharding, shard, stage, version), slices, previous)

    @staticmethod
    def _name(sharding: str, shard: int, stage: int, version: str) -> str:
        if sharding == SINGLE:
            return "base" if version == START else f"oracle/{version}"
        return f"teachers/{sharding}/{shard}/{stage}/{version}"

    def parse(self, name: str) -> tuple[str, int, int, str]:
        """Name of a checkpoint -> (sharding, shard, stage, version)."""
        if name == "base":
            return SINGLE, 1, 1, START
        if name.startswith("oracle/"):
            return SINGLE, 1, 1, name.removeprefix("oracle/")
        _, sharding, shard, stage, version = name.split("/")
        return sharding, int(shard), int(stage), version

    def versions(self, seed: int, sharding: str, state: str) -> dict[int, str]:
        """Shard -> version of its teacher in ``state``."""
        shards, slices = parse_sharding(sharding)
        return {
            shard: self.version(seed, sharding, shard, range(1, slices + 1), state)
            for shard in range(1, shards + 1)
        }

    def teachers(self, seed: int, sharding: str, version: str) -> dict[int, str]:
        """Shard -> checkpoint of the teachers that got their present weights with ``version``."""
        _, slices = parse_sharding(sharding)
        versions = self.versions(seed, sharding, version)
        return {s: self._name(sharding, s, slices, v) for s, v in versions.items() if v == version}

    def ensemble_versions(self, seed: int, sharding: str, state: str) -> list[str]:
        """The versions that the teachers of an ensemble have in ``state``, oldest first."""
        return sorted(
            set(self.versions(seed, sharding, state).values()), key=self.order.__getitem__
        )

    def checkpoints(self, state: str) -> Iterator[tuple[int, Checkpoint]]:
        """(seed, checkpoint) of every stage that a state is made of; a study that compares has the
        single models, too."""
        singles = [SINGLE] if self.study["requests"] == "all" else []
        for seed in self.seeds:
            for sharding in sorted({*self.study["sharding"], *singles}):
                shards, slices = parse_sharding(sharding)
                for shard in range(1, shards + 1):
                    for stage in range(1, slices + 1):
                        yield seed, self.checkpoint(seed, sharding, shard, stage, state)

    def trained_for(self, seed: int, sharding: str, version: str) -> list[str]:
        """Names of all checkpoints (of any stage) that exist because of ``version``."""
        shards, slices = parse_sharding(sharding)
        stages = [
            (shard, stage) for shard in range(1, shards + 1) for stage in range(1, slices + 1)
        ]
        names = [
            self.checkpoint(seed, sharding, shard, stage, version).name for shard, stage in stages
        ]
        return [name for name in names if self.parse(name)[3] == version]
