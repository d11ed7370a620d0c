"""Unlearn: a model, the records of a request, and a method -> a model that should have forgotten
them."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from palimpsest.data.records import name_rows
from palimpsest.data.shards import parse_sharding, place
from palimpsest.data.storage import read_parquet, whole_texts
from palimpsest.ensemble.soft_labels import Teachers
from palimpsest.errors import Problem, UserError
from palimpsest.methods import judging, prepare
from palimpsest.models.folder import check_model
from palimpsest.training.settings import settings_of


def add_arguments(parser) -> None:
    prepare.add_arguments(parser)
    parser.add_argument(
        "--auxiliaries",
        type=Path,
        nargs="*",
        default=[],
        help="folders of further models, in the order of the settings' `auxiliaries`",
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
    judging.add_arguments(parser)


def run(args) -> None:
    """settings: those of ``prepare``, and `study`, `seed`, `method`, `implementation` (its module),
    `state`, `options` of the method, `unseen` (whether it needs text never trained on),
    `auxiliaries` (names of further models), `sharding` (of the teachers) and `salt`; of a method
    that judges reward, `judges`: their `module` and `names`, and those whose label 1 is `wanted`.
    """
    given = args.settings
    method = importlib.import_module(given["implementation"]).METHOD
    settings = settings_of(method.Settings, given["options"])
    frames = sets_of(args, given)
    auxiliaries = dict(zip(given["auxiliaries"], args.auxiliaries, strict=True))
    teachers = {f"teacher {number}": folder for number, folder in enumerate(args.teachers, 1)}
    request = prepare.prepare(
        args,
        frames,
        (given["study"], given["seed"], given["method"], given["state"]),
        auxiliaries,
        {name: check_model(folder) for name, folder in (teachers | judging.named(args)).items()},
    )
    request.judges = judging.judges(args, request.device)
    if args.teachers and len(frames["forget"]):
        load = prepare.loader(given, request.tokenizer)
        request.teachers = teachers_of(args, given, frames, method.asks_teachers(settings), load)
    _, unchanged = prepare.changing(request, method.change, settings)
    prepare.finish(request, args, settings, unchanged)


def sets_of(args, given: dict) -> dict[str, pd.DataFrame]:
    """The records to forget, to retain and never trained on; a UserError where a method cannot work
    with them."""
    frames = {name: prepare.records(getattr(args, name)) for name in ("forget", "retain", "extra")}
    frames["retain"] = frames["retain"][
        ~frames["retain"]["record_id"].isin(frames["forget"]["record_id"])
    ].reset_index(drop=True)
    check_sets(frames, given)
    also = whole_texts(frames["forget"]).isin(set(whole_texts(frames["retain"])))
    if also.any():
        logging.warning(
            "to be forgotten, but the same text is retained with other owners: %s",
            name_rows(frames["forget"], also),
        )
    return frames


def teachers_of(
    args,
    given: dict,
    frames: dict[str, pd.DataFrame],
    leaves_out: bool,
    load: Callable[[Path], torch.nn.Module],
) -> Teachers:
    """The teachers of all shards as they were before any request, and which texts of the forget set
    each of them saw."""
    learnt = pd.concat(
        [frames["forget"], frames["retain"], *map(read_parquet, args.earlier)], ignore_index=True
    )
    saw = who_saw(frames["forget"], learnt, given["sharding"], given["salt"], given["seed"])
    if leaves_out:
        check_teachers(saw, frames["forget"], given)
    return Teachers(len(args.teachers), lambda number: load(args.teachers[number]).eval(), saw)


def who_saw(
    forget: pd.DataFrame, learnt: pd.DataFrame, sharding: str, salt: str, seed: int
) -> np.ndarray:
    """(n, S) bool: which teachers saw each text of the forget set, from its owner or as an
    identical text of another owner in ``learnt``."""
    shards = learnt["owner"].map(lambda owner: place(owner, sharding, salt, seed)[0])
    holding = shards.groupby(whole_texts(learnt)).agg(set)
    saw = np.zeros((len(forget), parse_sharding(sharding)[0]), dtype=bool)
    for number, text in enumerate(whole_texts(forget)):
        saw[number, [shard - 1 for shard in holding[text]]] = True
    return saw


def check_teachers(saw: np.ndarray, forget: pd.DataFrame, given: dict) -> None:
    """A UserError for records that every teacher saw; those that several saw are named in the
    log."""
    several, by_all = saw.sum(axis=1) > 1, saw.all(axis=1)
    if several.any():
        logging.info(
            "learnt by several teachers, which are all left out: %s", name_rows(forget, several)
        )
    if by_all.any():
        found = name_rows(forget, by_all)
        remedy = "use more shards, or take copies of one text out of the data"
        raise UserError(
            Problem(
                "every teacher saw these records",
                f"method {given['method']}, state {given['state']}",
                found,
                remedy=remedy,
            )
        )


def check_sets(frames: dict[str, pd.DataFrame], given: dict) -> None:
    """A UserError for sets that a method cannot work with."""
    problems, where = [], f"method {given['method']}, state {given['state']}"
    if frames["retain"].empty:
        problems.append(
            Problem(
                "the request asks for all of the data",
                where,
                remedy="take owners out of the request",
            )
        )
    if given["unseen"] and len(frames["forget"]) and frames["extra"].empty:
        remedy = "give records of split `extra`: never trained on, of the same kind"
        problems.append(
            Problem("there is no unseen text", where, "no record of split `extra`", remedy=remedy)
        )
    if problems:
        raise UserError(problems)
