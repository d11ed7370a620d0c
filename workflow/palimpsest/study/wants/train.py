"""Base, oracles and teachers: what they are made of, and with which settings."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from palimpsest.data.identity import digests, recorded
from palimpsest.data.shards import parse_sharding
from palimpsest.errors import Problem, UserError
from palimpsest.study import paths
from palimpsest.study.plan import Checkpoint
from palimpsest.study.study import Study
from palimpsest.study.wants.shared import recipe_folder, tokenizer_folder
from palimpsest.study.wants.want import Files, Want, argument

REPORTS = {paths.WEIGHTS: paths.REPORT, paths.TOKENIZER_FILE: paths.CORPUS_REPORT}


def reports_of(study: Study, *files: list[str]) -> list[str]:
    """Reports of the steps that made models and tokenizers, which hold their digests: the same
    whenever the results are, unlike a model's date or its run.json."""
    given = set(map(str, study.start_files))
    made = [path for some in files for path in some if path not in given]
    split = [path.rpartition("/") for path in made]
    return [f"{folder}/{REPORTS[name]}" for folder, _, name in split if name in REPORTS]


def slice_files(study: Study, seed: int | str, parts: tuple[str, ...], end: str) -> list[str]:
    """Files of slices, which the plan calls '3x2/1/2/r0'."""
    return [study.path(paths.SLICE_OF_NAME, seed=seed, name=part, end=end) for part in parts]


def fresh_start(study: Study) -> list[str]:
    """Files that a fresh model starts from: a pretrained model or a tokenizer of this workflow, or
    a local model folder; none where it comes from a hub."""
    if study.recipe:
        return [f"{recipe_folder(study)}/{paths.WEIGHTS}"]
    if study.config["model"]["init"] == "scratch":
        return [f"{tokenizer_folder(study)}/{paths.TOKENIZER_FILE}"]
    return list(map(str, study.start_files))


def fresh_option(study: Study) -> str:
    if study.recipe:
        return argument("start", [recipe_folder(study)])
    if study.config["model"]["init"] == "scratch":
        return argument("tokenizer", [tokenizer_folder(study)])
    return ""


def train_settings(
    study: Study, seed: int | str, sharding: str, shard: int, stage: int, slices: int
) -> dict:
    training = study.config["training"]
    return {
        "study": study.seed_name,
        "seed": int(seed),
        "sharding": sharding,
        "shard": shard,
        "stage": stage,
        "slices": slices,
        "track": study.module("model"),
        "head": study.head,
        "model": study.model,
        "training": {key: value for key, value in training.items() if key != "checkpoint_seconds"},
    }


@cache
def start_digests(study: Study) -> list[str]:
    """Digests of a local model folder, if possible from the report of a training that started from
    it, so that they need not be computed each time."""
    reports = (
        Path(study.path(paths.CHECKPOINT, seed=seed, checkpoint=checkpoint.name)) / "run.json"
        for seed, checkpoint in study.plan.checkpoints(study.plan.latest)
    )
    recorded_files = next(filter(None, map(recorded, reports)), {})
    return list(digests(study.start_files, recorded_files).values())


class Train(Want):
    """Depends on the digests of its slices and on the reports of what it starts from; slices and
    models themselves are no reason to run again, since Snakemake compares what is larger than a
    megabyte by its date."""

    step = "train"
    names_modules = True
    undated = frozenset({"slices", "previous", "start"})
    named = ("slices",)

    def checkpoint(self, w) -> Checkpoint:
        if self.plan.gone(int(w.seed), w.checkpoint):
            what = "it learnt from text that was purged, and cannot be made again"
            remedy = "ask for a state after the purge (`snakemake -n` lists what can be made)"
            raise UserError(Problem(what, f"{self.study.folder}, {w.checkpoint}", remedy=remedy))
        sharding, shard, stage, state = self.plan.parse(w.checkpoint)
        return self.plan.checkpoint(int(w.seed), sharding, shard, stage, state)

    def inputs(self, w) -> Files:
        made = self.checkpoint(w)
        previous = [self.study.weights(w.seed, made.previous)] if made.previous else []
        start = [] if made.previous else fresh_start(self.study)
        return {
            "digests": slice_files(self.study, w.seed, made.slices, "json"),
            "slices": slice_files(self.study, w.seed, made.slices, "parquet"),
            "previous": previous,
            "start": start,
            "reports": reports_of(self.study, previous, start),
        }

    def settings(self, w):
        sharding, shard, stage, _ = self.plan.parse(w.checkpoint)
        slices = parse_sharding(sharding)[1]
        return train_settings(self.study, w.seed, sharding, shard, stage, slices)

    def marks(self, w):
        fresh = self.study.start_files and not self.checkpoint(w).previous
        return start_digests(self.study) if fresh else []

    def arguments(self, w):
        previous = self.checkpoint(w).previous
        if not previous:
            return f"{fresh_option(self.study)} {self.resuming(w)}"
        folder = self.path(paths.CHECKPOINT, seed=w.seed, checkpoint=previous)
        return f"{argument('previous', [folder])} {self.resuming(w)}"
