"""What serving a request will cost: which checkpoints are trained again, on how many tokens, beside
a full retraining. Told in a dry run from what lies there: the reports of the models before, and the
slices that these learnt from.

A training sees each token of its records once an epoch. So a checkpoint without some records trains
on the tokens of the one before, less the share of the records in them. This share is taken from the
letters of the texts: to encode these would take longer than the rest of a dry run.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from palimpsest.data.owners import letters_by_owner
from palimpsest.data.shards import SINGLE, parse_sharding
from palimpsest.files import read_json
from palimpsest.study.study import Study
from palimpsest.study.wants.data import records_made
from palimpsest.study.wants.methods import trials_of, tuned_in, unlearned
from palimpsest.study.wants.train import slice_files
from palimpsest.training.schedule import stage_epochs

MOST = 5  # requests that have a line each


@dataclass(frozen=True)
class Serving:
    """Requests that are served together, and the state that they lead to."""

    requests: tuple[str, ...]
    state: str


class Unknown(Exception):
    """Why a number of tokens is not known yet."""


def told(study: Study, made: Container[str]) -> list[str]:
    """A line for each request that a run serves which makes the files ``made``; the first of them,
    where they are many."""
    costs = Costs(study, made)
    waiting = costs.waiting()
    more = len(waiting) - MOST
    rest = [f"and {several(more, 'request')} more of {study.name}"] if more > 0 else []
    return [*map(costs.line, waiting[:MOST]), *rest]


class Costs:
    """Numbers of one study before a run that makes the files ``made``. Reports among them say
    nothing of what it will train on."""

    def __init__(self, study: Study, made: Container[str]):
        self.study, self.plan, self.made = study, study.plan, made
        self.read: dict[str, dict[str, int]] = {}

    def waiting(self) -> list[Serving]:
        """What of the ledger is served: requests of which the run makes a checkpoint that is not
        there. A study that compares serves them one after another, any other all at once."""
        names = self.plan.names[self.plan.order[self.plan.purged] + 1 :]
        new = [
            name
            for name in names
            if any(
                report in self.made and not Path(report).is_file() for report in self.reports(name)
            )
        ]
        if self.study.compares or not new:
            return [Serving((name,), name) for name in new]
        return [Serving(tuple(new), self.plan.latest)]

    def reports(self, request: str) -> Iterator[str]:
        """Of the checkpoints that are there because of a request."""
        for seed in self.plan.seeds:
            for sharding in {*self.study.served, *([SINGLE] if self.study.compares else [])}:
                for name in self.plan.trained_for(seed, sharding, request):
                    yield self.study.report(seed, name)

    # --- in words ---------------------------------------------------------------------------------

    def line(self, serving: Serving) -> str:
        seeds, compares = len(self.plan.seeds), self.study.compares
        # the oracle is told of by itself
        shardings = [one for one in self.study.served if one != SINGLE or not compares]
        try:
            if not records_made(self.study):
                raise Unknown("as there are no records of the present sources: `snakemake data`")
            tokens = {sharding: self.of_request(serving, sharding) for sharding in shardings}
            full, why = self.full(serving.state), ""
        except Unknown as unknown:
            tokens, full = {}, 0
            why = f" How many tokens that takes is not known yet, {unknown}."
        said = []
        for sharding in shardings:
            shards, slices = parse_sharding(sharding)
            again = sum(len(self.trained(serving, seed, sharding)) for seed in self.plan.seeds)
            part = (
                f"{again} of {several(seeds * shards * slices, 'checkpoint')} of {sharding} again"
            )
            if full:
                share = tokens[sharding] / full
                part += (
                    f", about {rounded(tokens[sharding])} of {rounded(full)} tokens ({share:.0%})"
                )
            said.append(part)
        if compares and self.study.config["training"]["epochs"]:
            about = f" of about {rounded(full)} tokens" if full else ""
            said.append(f"{several(seeds, 'oracle')}{about} to compare")
        states = [state for _, state in unlearned(self.study)]
        if models := states.count(serving.state) * seeds:
            said.append(f"{several(models, 'model')} by methods, each as long as it takes")
        tuned = tuned_in(self.study, serving.state)
        if trials := sum(len(trials_of(self.study, name)) for name in tuned):
            said.append(f"{several(trials, 'trial')} to choose their settings by")
        names = " and ".join(serving.requests)
        return f"Serving {names} of {self.study.name} trains {'; '.join(said)}.{why}"

    # --- in numbers -------------------------------------------------------------------------------

    def trained(self, serving: Serving, seed: int, sharding: str) -> list[tuple[int, int]]:
        """(shard, stage) of the checkpoints that are trained."""
        shards, slices = parse_sharding(sharding)
        return [
            (shard, stage)
            for shard in range(1, shards + 1)
            for stage in range(1, slices + 1)
            if self.plan.since(seed, sharding, shard, range(1, stage + 1), serving.state)
            in serving.requests
        ]

    def of_request(self, serving: Serving, sharding: str) -> int:
        """Tokens that teachers train on for a request, over all seeds: what the cost table counts
        afterwards."""
        return sum(
            self.of_checkpoint(seed, sharding, shard, stage, serving.state)
            for seed in self.plan.seeds
            for shard, stage in self.trained(serving, seed, sharding)
        )

    def full(self, state: str) -> int:
        """Tokens of one model a seed that is trained on all that remains: of the oracles; without
        them, what the last stages of the teachers see together, each of its shard."""
        if self.study.compares:
            return sum(self.of_checkpoint(seed, SINGLE, 1, 1, state) for seed in self.plan.seeds)
        epochs = self.study.config["training"]["epochs"]
        for sharding in self.study.served:
            shards, slices = parse_sharding(sharding)
            if last := stage_epochs(epochs, slices)[-1]:
                return sum(
                    self.of_checkpoint(seed, sharding, shard, slices, state) // last * epochs
                    for seed in self.plan.seeds
                    for shard in range(1, shards + 1)
                )
        raise Unknown("as the last stages of the teachers train no epoch")

    def of_checkpoint(self, seed: int, sharding: str, shard: int, stage: int, state: str) -> int:
        """By the report of the newest one that is there, less what is forgotten since."""
        for before in reversed(self.plan.names[: self.plan.order[state] + 1]):
            made = self.plan.checkpoint(seed, sharding, shard, stage, before)
            report = Path(self.study.report(seed, made.name))
            if report.is_file() and str(report) not in self.made:
                break
        else:
            raise Unknown("as the models before it are not trained yet")
        tokens = read_json(report, "tokens")["tokens"]
        requests = self.plan.requests[self.plan.order[before] : self.plan.order[state]]
        gone = {owner for request in requests for owner in request.owners}
        if not gone or not tokens:
            return tokens
        letters = [
            (owner, number)
            for path in slice_files(self.study, seed, made.slices, "parquet")
            for owner, number in self.letters(path).items()
        ]
        left = sum(number for owner, number in letters if owner not in gone)
        return round(tokens * left / sum(number for _, number in letters))

    def letters(self, path: str) -> dict[str, int]:
        """Owner -> letters of the texts of a slice; each is read once."""
        if path not in self.read:
            found = letters_by_owner(Path(path))
            if found is None:
                raise Unknown(f"as {path} cannot be read")
            self.read[path] = found
        return self.read[path]


def several(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def rounded(number: int) -> str:
    """To two digits, since it is about so many."""
    return f"{float(f'{number:.2g}'):,.0f}"
