"""Make the run that a step gives to a method or an attack, and write its results."""

from __future__ import annotations

import dataclasses
import importlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from palimpsest.data.storage import read_parquet, records_digest
from palimpsest.files import read_json
from palimpsest.methods.contract import Unchanged
from palimpsest.methods.run import Models, Run
from palimpsest.methods.watch import Watch
from palimpsest.models.devices import device_of
from palimpsest.models.folder import check_model
from palimpsest.models.making import save_model_folder
from palimpsest.models.tokenizers import load_tokenizer
from palimpsest.randomness import seed_of
from palimpsest.training import resume
from palimpsest.training.examples import Examples
from palimpsest.training.report import installed_versions, write_reports
from palimpsest.training.settings import Computing


def add_arguments(parser) -> None:
    """Arguments of a step that changes a model: the model, the sets, the output."""
    parser.add_argument("--model", type=Path, required=True, help="folder of the model to change")
    for name, what in (
        ("forget", "asked to be deleted"),
        ("retain", "the rest of the training data"),
        ("extra", "never trained on"),
    ):
        parser.add_argument(
            f"--{name}", type=Path, nargs="+", required=True, help=f"records {what}"
        )
    resume.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder")


def records(paths: list[Path]) -> pd.DataFrame:
    """The records of all files, sorted by id."""
    frames = [read_parquet(path) for path in paths]
    return pd.concat(frames).sort_values("record_id", ignore_index=True)


def loader(given: Mapping, tokenizer) -> Callable[[Path], torch.nn.Module]:
    """A function that loads a model of the study onto the device of its settings."""
    track, device = importlib.import_module(given["track"]), device_of(given["gpus"])
    return lambda folder: track.load(folder, tokenizer, given["head"]).to(device)


def prepare(
    args,
    frames: Mapping[str, pd.DataFrame],
    names: tuple,
    models: Mapping[str, Path] | None = None,
    others: Mapping[str, str] | None = None,
) -> Run:
    """The run of a step with the arguments above. settings: `track` and `memory` (modules), `head`,
    the study's `model`, `ngram`, `threads`, `gpus`, `precision`.

    frames: records by set; models: folders of further models, by name; others: digests of whatever
    else the result depends on. names seed every draw.
    """
    given, models = args.settings, models or {}
    track, memory = (importlib.import_module(given[name]) for name in ("track", "memory"))
    torch.set_num_threads(given["threads"])
    previous, tokenizer = check_model(args.model), load_tokenizer(args.model)
    load = loader(given, tokenizer)

    def encode(frame: pd.DataFrame) -> Examples:
        return track.encode(frame, tokenizer, given["model"])[0]

    sets = {name: encode(frame) for name, frame in frames.items() if len(frame)}
    unseen = read_json(args.model / "training.json").get("unseen", {})
    further_digests = {name: check_model(folder) for name, folder in models.items()} | dict(
        others or {}
    )
    digests = {name: records_digest(frame) for name, frame in frames.items()}
    parts = (
        sorted(part.items()) for part in (given, further_digests, digests, installed_versions())
    )
    logging.info("%s", ", ".join(f"{len(frame)} {name} records" for name, frame in frames.items()))
    return Run(
        load(args.model),
        sets,
        track,
        names,
        load=lambda: load(args.model),
        folder=args.output,
        previous=previous,
        fingerprint=str(seed_of(*parts, previous, args.code)),
        records=dict(frames),
        tokenizer=tokenizer,
        encode=encode,
        models=Models(models, lambda name: load(models[name])),
        computing=Computing(
            given["threads"], given["gpus"], given["precision"], args.checkpoint_seconds
        ),
        device=device_of(given["gpus"]),
        watch=Watch(track, memory, tokenizer, given["ngram"], unseen).draw(sets, names),
    )


def changing(run: Run, change: Callable, settings) -> tuple[Any, str]:
    """What ``change(run, settings)`` returns, and why the model stays as it is, "" if it changed.
    Then it is looked at once."""
    try:
        if "forget" not in run.sets:
            raise Unchanged("the request has no training records")
        return change(run, settings), ""
    except Unchanged as reason:
        logging.warning("the model stays as it is: %s", reason)
        run.look()
        return None, str(reason)


def finish(run: Run, args, options, unchanged: str, **more) -> None:
    """Write the model and its report, with the ``options`` of the method or attack; ``unchanged``
    says why the model stays as it is."""
    files = save_model_folder(run.model, run.tokenizer, args.output)
    details = {
        "seed": args.settings["seed"],
        "names": [str(name) for name in run.names],
        "previous": run.previous,
        "versions": installed_versions(),
        "code": args.code,
        "records": {name: len(frame) for name, frame in run.records.items()},
        "looked_at": {name: len(one.lengths) for name, one in run.watch.sets.items()},
        "options": dataclasses.asdict(options),
        "unseen": run.watch.unseen,
        "unchanged": unchanged,
        "sha256": files.pop("model.safetensors"),
        "files": files,
    }
    write_reports(args.output, run.report() | details | more, args.output / "resume")
