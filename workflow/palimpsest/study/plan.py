"""The plan: which slices and checkpoints each state needs, decided from the study and the ledger
alone.

A state is the situation after a request, and has its name; r0 is that before any. A slice is named
by the state since which its content is the same: that of the last request that touched it. A
checkpoint is named by that of the last request that touched its slice or an earlier one of its
shard. So a request changes the paths of what it touches and of nothing else, and Snakemake does no
more than the necessary work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from palimpsest.data.ledger import START, Request
from palimpsest.data.secret import required
from palimpsest.data.shards import SINGLE, parse_sharding, place
from palimpsest.study import paths


@dataclass(frozen=True)
class Checkpoint:
    """A stage of a teacher: what it is called and what it is made of."""

    name: str  # folder below results/{study}/seed{seed}
    slices: tuple[str, ...]  # slice files (without suffix) below results/{study}/seed{seed}/shards
    previous: str | None  # name of the checkpoint whose weights it starts from


class Plan:
    """States, slices and checkpoints of one study under its ledger."""

    def __init__(
        self,
        study: dict,
        requests: list[Request],
        purged: str = START,
        results: str = paths.RESULTS,
    ):
        """``purged`` is the last purged request: the states before it cannot be made again."""
        self.study, self.results = study, results
        self.requests = requests
        self.purged = purged
        self.names = [START, *(request.name for request in requests)]
        self.order = {name: number for number, name in enumerate(self.names)}
        self.seeds = study["seeds"]

    @property
    def folder(self) -> Path:
        return self.path(paths.STUDY)

    def path(self, template: str, **names: object) -> Path:
        """A path of the study, by its template (paths.py)."""
        return Path(paths.placed(self.results, template, study=self.study["study"], **names))

    @cached_property
    def secret(self) -> str:
        """With which names are hashed in what is kept of requests; a UserError where it is
        missing."""
        return required()

    @property
    def latest(self) -> str:
        """The newest state."""
        return self.names[-1]

    @cached_property
    def shown(self) -> list[str]:
        """The states in tables and figures."""
        return [self.latest] if self.study["requests"] == "latest" else self.names

    @cached_property
    def states(self) -> list[str]:
        """The states that are evaluated; numbers of older ones stay as a purge left them."""
        return [state for state in self.shown if self.order[state] >= self.order[self.purged]]

    def gone(self, seed: int, checkpoint: str) -> bool:
        """Whether a checkpoint learnt from text that was purged."""
        sharding, shard, stage, state = self.parse(checkpoint)
        older = self.order[state] < self.order[self.purged]
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
            by_cell: dict[tuple[int, int], list[int]] = {}
            for number, request in enumerate(self.requests, 1):
                for cell in {
                    place(owner, sharding, self.study["salt"], seed) for owner in request.owners
                }:
                    by_cell.setdefault(cell, []).append(number)
            self._touches[key] = by_cell
        return self._touches[key]

    def touching(self, seed: int, sharding: str, shard: int, slice_: int, state: str) -> list[str]:
        """The requests up to ``state`` that touch one slice, in their order."""
        numbers = self.touches(seed, sharding).get((shard, slice_), ())
        return [self.names[number] for number in numbers if number <= self.order[state]]

    def owners_in(self, seed: int, sharding: str, shard: int, slice_: int, state: str) -> list[str]:
        """Forgotten owners of one slice up to and with ``state``, sorted."""
        return sorted(
            owner
            for request in self.requests[: self.order[state]]
            for owner in request.owners
            if place(owner, sharding, self.study["salt"], seed) == (shard, slice_)
        )

    def since(self, seed: int, sharding: str, shard: int, slices: range, state: str) -> str:
        """The state since which ``slices`` of ``shard`` have been as they are in ``state``."""
        touches, now = self.touches(seed, sharding), self.order[state]
        return self.names[
            max((n for s in slices for n in touches.get((shard, s), ()) if n <= now), default=0)
        ]

    def checkpoint(
        self, seed: int, sharding: str, shard: int, stage: int, state: str
    ) -> Checkpoint:
        """The checkpoint after ``stage`` slices of ``shard``, as it is in ``state``."""
        since = self.since(seed, sharding, shard, range(1, stage + 1), state)
        slices = tuple(
            paths.SLICE_NAME.format(
                sharding=sharding,
                shard=shard,
                slice=part,
                state=self.since(seed, sharding, shard, range(part, part + 1), since),
            )
            for part in range(1, stage + 1)
        )
        previous = (
            self.checkpoint(seed, sharding, shard, stage - 1, since).name if stage > 1 else None
        )
        return Checkpoint(self._name(sharding, shard, stage, since), slices, previous)

    @staticmethod
    def _name(sharding: str, shard: int, stage: int, state: str) -> str:
        if sharding == SINGLE:
            return paths.BASE_NAME if state == START else paths.ORACLE_NAME.format(state=state)
        return paths.TEACHER_NAME.format(sharding=sharding, shard=shard, slice=stage, state=state)

    def parse(self, name: str) -> tuple[str, int, int, str]:
        """Name of a checkpoint -> (sharding, shard, stage, state)."""
        if name == "base":
            return SINGLE, 1, 1, START
        if name.startswith("oracle/"):
            return SINGLE, 1, 1, name.removeprefix("oracle/")
        _, sharding, shard, stage, state = name.split("/")
        return sharding, int(shard), int(stage), state

    def teacher_states(self, seed: int, sharding: str, state: str) -> dict[int, str]:
        """Shard -> the state since which its teacher has been as it is in ``state``."""
        shards, slices = parse_sharding(sharding)
        return {
            shard: self.since(seed, sharding, shard, range(1, slices + 1), state)
            for shard in range(1, shards + 1)
        }

    def teachers(self, seed: int, sharding: str, state: str) -> dict[int, str]:
        """Shard -> checkpoint of the teachers that got their present weights in ``state``."""
        _, slices = parse_sharding(sharding)
        states = self.teacher_states(seed, sharding, state)
        return {
            shard: self._name(sharding, shard, slices, since)
            for shard, since in states.items()
            if since == state
        }

    def ensemble_states(self, seed: int, sharding: str, state: str) -> list[str]:
        """The states since which the teachers of an ensemble have been as they are in ``state``,
        oldest first."""
        return sorted(
            set(self.teacher_states(seed, sharding, state).values()), key=self.order.__getitem__
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

    def trained_for(self, seed: int, sharding: str, state: str) -> list[str]:
        """Names of all checkpoints (of any stage) that exist because of ``state``."""
        shards, slices = parse_sharding(sharding)
        stages = [
            (shard, stage) for shard in range(1, shards + 1) for stage in range(1, slices + 1)
        ]
        names = [
            self.checkpoint(seed, sharding, shard, stage, state).name for shard, stage in stages
        ]
        return [name for name in names if self.parse(name)[3] == state]
