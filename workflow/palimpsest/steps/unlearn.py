"""Unlearn: a model that learnt a request's records, the request, and a method -> a model that is to
have forgotten them."""

from __future__ import annotations

import dataclasses
import importlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from palimpsest.data.records import name_rows
from palimpsest.data.shards import parse_sharding, place
from palimpsest.data.storage import read_parquet, records_digest, whole_texts
from palimpsest.devices import device_of
from palimpsest.engine.provenance import code_digest
from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json
from palimpsest.methods.unlearning import Frozen, Run
from palimpsest.models.folder import check_model
from palimpsest.models.making import save_model_folder
from palimpsest.models.tokenizers import load_tokenizer
from palimpsest.randomness import numpy_generator, seed_of
from palimpsest.steps.train import installed_versions
from palimpsest.training.loop import train
from palimpsest.training.report import write_reports

WATCHED = 200  # examples of a set that are watched while a method trains


def add_arguments(parser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        help="folder of the model that learnt what is to be forgotten",
    )
    for name, what in (
        ("forget", "asked to be deleted"),
        ("retain", "the rest of the training data"),
        ("extra", "never trained on"),
    ):
        parser.add_argument(
            f"--{name}", type=Path, nargs="+", required=True, help=f"records {what}"
        )
    parser.add_argument(
        "--beside",
        type=Path,
        nargs="*",
        default=[],
        help="folders of further models, in the order of the settings' `beside`",
    )
    parser.add_argument(
        "--teachers",
        type=Path,
        nargs="*",
        default=[],
        help="folders of teachers, by shard, as they were before any request",
    )
    parser.add_argument(
        "--earlier",
        type=Path,
        nargs="*",
        default=[],
        help="records of earlier requests, which the teachers learnt, too",
    )
    parser.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=120.0,
        help="how often the state is saved, to resume from",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder")


def run(args) -> None:
    """settings: `study`, `seed`, `method`, `implementation`, `state`, `options` of the method,
    `unseen` (whether it needs text never trained on), `beside` (names of further models),
    `sharding` (of the teachers) and `salt`, `track` and `scorer` (their modules), `head`, the
    study's `model`, `ngram` of EL_n, and `threads`, `gpus`, `precision`.
    """
    wanted = args.settings
    track, scorer, method = (
        importlib.import_module(wanted[name]) for name in ("track", "scorer", "implementation")
    )
    settings = method.Settings(**wanted["options"])
    torch.set_num_threads(wanted["threads"])
    start, tokenizer = check_model(args.model), load_tokenizer(args.model)
    frames = sets_of(args, wanted)
    beside = dict(zip(wanted["beside"], args.beside, strict=True))
    others = beside | {
        f"teacher {number}": folder for number, folder in enumerate(args.teachers, 1)
    }
    others = {name: check_model(folder) for name, folder in others.items()}
    device = device_of(wanted["gpus"])

    def load(folder: Path) -> torch.nn.Module:
        return track.load(folder, tokenizer, wanted["head"]).to(device)

    given = Run(
        load(args.model),
        {
            name: track.encode(frame, tokenizer, wanted["model"])[0]
            for name, frame in frames.items()
            if len(frame)
        },
        track.predict,
        names=(wanted["study"], wanted["seed"], wanted["method"], wanted["state"]),
        generates=track.GENERATES,
        device=device,
        precision=wanted["precision"],
        frozen=Frozen(beside, lambda name: load(beside[name])),
        teachers=teachers_of(args, wanted, frames, method.leaves_out(settings), load)
        if args.teachers
        else None,
        again=lambda: load(args.model),
    )
    logging.info("%s", ", ".join(f"{len(frame)} {name} records" for name, frame in frames.items()))

    training = dataclasses.asdict(settings) | {
        key: wanted[key] for key in ("threads", "gpus", "precision")
    }
    training |= {
        "batch_size": settings.batch_size or len(frames["forget"]),
        "checkpoint_seconds": args.checkpoint_seconds,
    }
    versions = installed_versions()
    digests = {name: records_digest(frame) for name, frame in frames.items()}
    code = code_digest(__name__, wanted["implementation"], wanted["track"], wanted["scorer"])
    known = (sorted(part.items()) for part in (wanted, others, digests, versions))
    fingerprint = str(seed_of(*known, start, code))
    if hasattr(method, "begin"):
        method.begin(given)
    unseen = read_json(args.model / "training.json").get("unseen", {})
    watch, resume = (
        Watch(track, scorer, given, method, settings, tokenizer, wanted["ngram"], unseen),
        args.output / "resume",
    )
    objective = method.objective(given, settings)
    model, report = train(
        given.model, objective, training, settings.epochs, given.names, resume, fingerprint, watch
    )
    files = save_model_folder(model, tokenizer, args.output)
    details = {
        "seed": wanted["seed"],
        "names": [str(name) for name in given.names],
        "epochs": settings.epochs,
        "previous": start,
        "versions": versions,
        "code": code,
        "records": {name: len(frame) for name, frame in frames.items()},
        "options": dataclasses.asdict(settings),
        "sha256": files.pop("model.safetensors"),
        "files": files,
    }
    write_reports(args.output, report | details | {"unseen": watch.unseen}, resume)


def sets_of(args, wanted: dict) -> dict[str, pd.DataFrame]:
    """The records to forget, to retain and never trained on; a UserError where a method cannot work
    with them."""
    frames = {name: _records(getattr(args, name)) for name in ("forget", "retain", "extra")}
    frames["retain"] = frames["retain"][
        ~frames["retain"]["record_id"].isin(frames["forget"]["record_id"])
    ].reset_index(drop=True)
    check_sets(frames, wanted)
    also = whole_texts(frames["forget"]).isin(set(whole_texts(frames["retain"])))
    if also.any():
        logging.warning(
            "to be forgotten, but the same text is retained with other owners: %s",
            name_rows(frames["forget"], also),
        )
    return frames


def teachers_of(
    args,
    wanted: dict,
    frames: dict[str, pd.DataFrame],
    leaves_out: bool,
    load: Callable[[Path], torch.nn.Module],
) -> Teachers:
    """Those of each shard, as they were before any request, and which of the texts to forget each
    of them saw."""
    learnt = pd.concat(
        [frames["forget"], frames["retain"], *map(read_parquet, args.earlier)], ignore_index=True
    )
    saw = who_saw(frames["forget"], learnt, wanted["sharding"], wanted["salt"], wanted["seed"])
    if leaves_out:
        check_teachers(saw, frames["forget"], wanted)
    return Teachers(len(args.teachers), lambda number: load(args.teachers[number]).eval(), saw)


def who_saw(
    forget: pd.DataFrame, learnt: pd.DataFrame, sharding: str, salt: str, seed: int
) -> np.ndarray:
    """(n, S) bool: which teachers saw each text of the forget set, with its owner or, letter by
    letter, with another one of ``learnt``."""
    shards = learnt["owner"].map(lambda owner: place(owner, sharding, salt, seed)[0])
    holding = shards.groupby(whole_texts(learnt)).agg(set)
    saw = np.zeros((len(forget), parse_sharding(sharding)[0]), dtype=bool)
    for number, text in enumerate(whole_texts(forget)):
        saw[number, [shard - 1 for shard in holding[text]]] = True
    return saw


def check_teachers(saw: np.ndarray, forget: pd.DataFrame, wanted: dict) -> None:
    """A UserError for records that every teacher saw; those that several saw are named in the
    log."""
    several, by_all = saw.sum(axis=1) > 1, saw.all(axis=1)
    if several.any():
        logging.info(
            "learnt by several teachers, which are all left out: %s", name_rows(forget, several)
        )
    if by_all.any():
        found, remedy = (
            name_rows(forget, by_all),
            "use more shards, or take copies of one text out of the data",
        )
        raise UserError(
            Problem(
                "every teacher saw these records",
                f"method {wanted['method']}, state {wanted['state']}",
                found,
                remedy=remedy,
            )
        )


class Watch:
    """Numbers of memory on some examples of each set, and what the method itself watches
    (`watched`); and whether it may stop (`stops`).

    unseen: what the base knew of unseen text, by the names of memory's numbers: as the model before
    says, which forgot an earlier request, or, where it has forgotten nothing yet, as is found
    before the first update. Unseen text is not looked at again; and what is slow (`extractable`) is
    asked before the first update, and then where all else says that the method may stop.
    """

    def __init__(
        self,
        track,
        scorer,
        given: Run,
        method,
        settings,
        tokenizer,
        ngram: int,
        unseen: dict[str, float],
    ):
        self.scorer, self.given, self.method, self.settings, self.tokenizer = (
            scorer,
            given,
            method,
            settings,
            tokenizer,
        )
        self.ngram, self.unseen = ngram, unseen
        some = {
            name: _some(len(examples.lengths), *given.names, "watch", name)
            for name, examples in given.sets.items()
        }
        self.sets = {
            name: track.subset(examples, some[name]) for name, examples in given.sets.items()
        }

    def __call__(self, model, earlier: list[dict]) -> tuple[dict[str, float], bool]:
        first = not earlier
        # of a training that goes on after a kill
        self.unseen = self.unseen or self._of_unseen(earlier[0] if earlier else {})
        sets = {
            name: examples
            for name, examples in self.sets.items()
            if name != "extra" or (first and not self.unseen)
        }
        numbers = _named(
            {name: self.scorer.memory(model, examples) for name, examples in sets.items()}
        )
        if hasattr(self.method, "watched"):
            numbers |= self.method.watched(self.given, self.settings, model, earlier)
        if first or self._stops([*earlier, numbers]):
            numbers |= _named(
                {
                    name: self._extractable(model, name)
                    for name in getattr(self.method, "EXTRACTED", ())
                    if name in sets
                }
            )
        self.unseen = self.unseen or self._of_unseen(numbers)
        return numbers, self._stops([*earlier, numbers])

    def _of_unseen(self, numbers: dict[str, float]) -> dict[str, float]:
        return {
            name: numbers[f"extra_{name}"]
            for name in self.scorer.KNOWN
            if f"extra_{name}" in numbers
        }

    def _extractable(self, model, name: str) -> dict[str, float]:
        return self.scorer.extractable(
            model, self.tokenizer, self.sets[name], self.ngram, *self.given.names, name
        )

    def _stops(self, watched: list[dict]) -> bool:
        return hasattr(self.method, "stops") and bool(
            self.method.stops(self.settings, self.scorer.KNOWN, watched, self.unseen)
        )


def _named(numbers: dict[str, dict[str, float]]) -> dict[str, float]:
    """Of each set, under its name."""
    return {
        f"{name}_{what}": value
        for name, values in numbers.items()
        for what, value in values.items()
    }


def _some(count: int, *names: object) -> np.ndarray:
    return np.sort(numpy_generator(*names).permutation(count)[:WATCHED])


def _records(paths: list[Path]) -> pd.DataFrame:
    return pd.concat([read_parquet(path) for path in paths]).sort_values(
        "record_id", ignore_index=True
    )


def check_sets(frames: dict[str, pd.DataFrame], wanted: dict) -> None:
    """A UserError for sets that a method cannot work with."""
    problems, where = [], f"method {wanted['method']}, state {wanted['state']}"
    if frames["forget"].empty:
        problems.append(
            Problem(
                "there is nothing to forget",
                where,
                "the request has no training records",
                remedy="correct the ledger",
            )
        )
    if frames["retain"].empty:
        problems.append(
            Problem(
                "the request asks for all of the data",
                where,
                remedy="take owners out of the request",
            )
        )
    if wanted["unseen"] and frames["extra"].empty:
        remedy = "give records of split `extra`: never trained on, of the same kind"
        problems.append(
            Problem("there is no unseen text", where, "no record of split `extra`", remedy=remedy)
        )
    if problems:
        raise UserError(problems)
