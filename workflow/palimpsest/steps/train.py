"""Train one checkpoint: the base, an oracle, or a stage of a teacher."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

import pandas as pd

from palimpsest.data.identity import identities
from palimpsest.data.storage import read_parquet, records_digest
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json
from palimpsest.models.folder import check_model, check_tokenizer, loaded_files
from palimpsest.models.making import check_context, save_model_folder
from palimpsest.models.start import fetched_start, start_name, weights_digest
from palimpsest.models.tokenizers import load_tokenizer
from palimpsest.randomness import seed_of
from palimpsest.training import resume
from palimpsest.training.loop import train
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood
from palimpsest.training.report import installed_versions, write_reports
from palimpsest.training.schedule import stage_epochs
from palimpsest.training.settings import OfStudy, settings_from


def add_arguments(parser) -> None:
    parser.add_argument(
        "--slice",
        type=Path,
        nargs="+",
        required=True,
        help="slices 1..j, each with its digest (.json) beside it",
    )
    parser.add_argument("--previous", type=Path, help="folder of the checkpoint to start from")
    parser.add_argument("--start", type=Path, help="folder of the model that a recipe pretrained")
    parser.add_argument(
        "--tokenizer", type=Path, help="folder; without it the tokenizer of model.init"
    )
    resume.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="folder")


def run(args) -> None:
    """settings: `study`, `seed`, `sharding`, `shard`, `stage`, `slices`, `track` (its module),
    `head` and the study's `model` and `training`.

    A slice may be empty after a request. Without any records the weights stay unchanged.
    """
    settings, model_settings = args.settings, args.settings["model"]
    track = importlib.import_module(settings["track"])
    folder = args.previous or args.start
    init = None if folder or args.tokenizer else fetched_start(model_settings)
    sources = identities(loaded_files(init)) if init else {}
    start = _start(args, sources)
    records, digests = _read_slices(args.slice)
    tokenizer = load_tokenizer(folder or args.tokenizer or init)
    examples, cut = track.encode(records, tokenizer, model_settings)
    logging.info(
        "%d records, %d of them cut at %d tokens", len(records), cut, model_settings["max_length"]
    )
    names = (
        settings["study"],
        settings["seed"],
        settings["sharding"],
        settings["shard"],
        settings["stage"],
    )
    if folder:
        model = track.load(folder, tokenizer, settings["head"])
    else:
        made_of = model_settings | ({"init": str(init)} if init else {})
        model = track.make(made_of, tokenizer, settings["head"], *names, "init")
    check_context(model, model_settings["max_length"])
    epochs = stage_epochs(settings["training"]["epochs"], settings["slices"])[settings["stage"] - 1]
    epochs = epochs if len(records) else 0
    versions = installed_versions()
    # All that the weights depend on: a state saved by other code or packages would not lead to the
    # same bits.
    fingerprint = str(
        seed_of(sorted(settings.items()), digests, start, args.code, sorted(versions.items()))
    )
    objective = Objective({"train": Part(examples, negative_log_likelihood(track.predict))})
    states = args.output / "resume"
    given = {"checkpoint_seconds": args.checkpoint_seconds, "epochs": epochs}
    training, computing = settings_from(settings["training"] | given, OfStudy)
    model, report = train(model, objective, training, computing, names, states, fingerprint)
    files = save_model_folder(model, tokenizer, args.output)
    details = {
        "seed": settings["seed"], "names": [str(name) for name in names], "epochs": epochs,
        "records": len(records), "cut": cut, "slices": digests, "previous": args.previous and start,
        "start": start_name(model_settings), "sources": sources, "versions": versions,
        "start_sha256": _pretrained(args, start, init, sources),
        "code": args.code, "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sha256": files.pop("model.safetensors"), "files": files,
    }  # fmt: skip
    write_reports(args.output, report | details, states)


def _start(args, sources: dict[str, list]) -> str:
    """Digest of what the initial weights follow from; what this workflow made is checked against
    its report."""
    if args.previous or args.start:
        return check_model(args.previous or args.start)
    if args.tokenizer:
        return check_tokenizer(args.tokenizer)
    return str(seed_of(*((Path(path).name, digest) for path, (*_, digest) in sources.items())))


def _pretrained(args, start: str, init: Path | None, sources: dict[str, list]) -> str | None:
    """SHA-256 of the weights that the first stage started from; None for one from scratch."""
    if args.previous:
        return read_json(args.previous / "training.json", "start_sha256")["start_sha256"]
    return (
        start if args.start else init and weights_digest(init, lambda path: sources[str(path)][2])
    )


def _read_slices(paths: list[Path]) -> tuple[pd.DataFrame, list[str]]:
    """All records of the slices, sorted by id so that nothing depends on where a slice ends; and
    their digests, verified."""
    frames, digests, problems = [], [], []
    for path in paths:
        frame = read_parquet(path)
        expected = read_json(path.with_suffix(".json"), "digest")["digest"]
        if records_digest(frame) != expected:
            problems.append(
                Problem(
                    "the slice is damaged, or its digest",
                    str(path),
                    remedy=(
                        "remove it and its .json, and run snakemake again, which makes both anew"
                    ),
                )
            )
        frames.append(frame)
        digests.append(expected)
    if problems:
        raise UserError(problems)
    return pd.concat(frames).sort_values("record_id", ignore_index=True), digests
