"""Score sets of records with one or several models: what each says where a loss counts."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pandas as pd
import torch

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.metrics.membership import zlib_sizes
from palimpsest.models.folder import check_model
from palimpsest.models.tokenizers import load_tokenizer
from palimpsest.randomness import seed_of
from palimpsest.tracks import SCORERS, TRACKS

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="folders, one a shard")
    parser.add_argument("--records", type=Path, nargs="+", action="append", required=True, help="files of a set; once for each set")
    parser.add_argument("--candidates", type=Path, help="other completions of records, which are scored beside their own")
    parser.add_argument("--output", type=Path, action="append", required=True, help="in the order of the sets")


def run(args) -> None:
    """settings: `sharding`, `shards` (of the models, in order), `track`, `head`, `model` (the study's, as far as texts are encoded by it),
    `batch_size`, `threads`, `gpus`; `written`, of how many records of each split and part a causal model is asked to write the completion
    (0 for none), and `ngram`, n of EL_n.

    Rows: record_id, sharding, shard, with candidates also their kind and number ('' and 0 for a record's own completion) and how many
    bytes the completion takes compressed, and the columns of the track's `score` and, of causal models, its `write`.
    """
    wanted = args.settings
    track, scorer = (importlib.import_module(modules[wanted["track"]]) for modules in (TRACKS, SCORERS))
    torch.set_num_threads(wanted["threads"])
    device = "cuda" if wanted["gpus"] else "cpu"
    candidates = read_parquet(args.candidates) if args.candidates else None
    sets = [asked_of(pd.concat(map(read_parquet, paths), ignore_index=True), candidates, wanted) for paths in args.records]
    for folder in args.model:
        check_model(folder)
    found: list[list[pd.DataFrame]] = [[] for _ in sets]
    for shard, folder in zip(wanted["shards"], args.model, strict=True):
        tokenizer = load_tokenizer(folder)
        model = track.load(folder, tokenizer, wanted["head"]).to(device)
        for frames, (told, records, written) in zip(found, sets, strict=True):
            examples, _ = track.encode(records, tokenizer, wanted["model"])
            frame = told.assign(sharding=wanted["sharding"], shard=shard)
            frame = frame.assign(**scorer.score(model, examples, wanted["batch_size"]))
            if args.candidates:
                texts = records["completion"].tolist()
                frame = frame.assign(**scorer.write(model, tokenizer, examples, texts, written, wanted["ngram"], wanted["batch_size"]))
            frames.append(frame)
    for frames, path in zip(found, args.output, strict=True):
        write_parquet(pd.concat(frames, ignore_index=True), path)


def asked_of(records: pd.DataFrame, candidates: pd.DataFrame | None, wanted: dict) -> tuple[pd.DataFrame, pd.DataFrame, list[int]]:
    """(what is told of each row, the texts, positions of those that the model is to write) of one set."""
    if candidates is None:
        return records[["record_id"]], records, []
    written = some_of(records, wanted["written"])
    records = with_candidates(records, candidates)
    return records[["record_id", "kind", "number"]].assign(compressed=zlib_sizes(records["completion"])), records, written


def some_of(records: pd.DataFrame, count: int) -> list[int]:
    """Positions of at most ``count`` records of each split and part, that a hash of their ids chooses."""
    order = records["record_id"].map(lambda name: seed_of("written", name)).sort_values(kind="stable").index
    kinds = [records[name] for name in ("split", "part") if name in records]
    place = records.loc[order].groupby([kind.loc[order] for kind in kinds]).cumcount()
    return sorted(place[place < count].index.tolist())


def with_candidates(records: pd.DataFrame, candidates: pd.DataFrame) -> pd.DataFrame:
    """Records, and below them each of their candidates as one: the same prompt, another completion."""
    asked = candidates.merge(records[["record_id", "prompt"]], on="record_id")
    return pd.concat([records.assign(kind="", number=0), asked], ignore_index=True)[["record_id", "kind", "number", "prompt", "completion"]]
