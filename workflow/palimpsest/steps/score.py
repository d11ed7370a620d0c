"""Score sets of records with one or several models: what each says where a loss counts."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.devices import device_of
from palimpsest.metrics.membership import zlib_sizes
from palimpsest.models.folder import check_model, tokenizer_digest
from palimpsest.models.tokenizers import load_tokenizer
from palimpsest.randomness import seed_of
from palimpsest.scoring.tokens import ALTERNATIVE, ANSWER

TOLD = ("record_id", "kind", "number", "compressed")


def add_arguments(parser) -> None:
    parser.add_argument("--model", type=Path, nargs="+", required=True, help="folders, one a shard")
    parser.add_argument(
        "--records",
        type=Path,
        nargs="*",
        action="append",
        required=True,
        help="files of a set; once for each set",
    )
    parser.add_argument(
        "--candidates",
        type=Path,
        help="other completions of records, which are scored beside their own",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        help="folder of the model that others are held against: the oracle",
    )
    parser.add_argument(
        "--output", type=Path, action="append", required=True, help="in the order of the sets"
    )


def run(args) -> None:
    """settings: `sharding`, `shards` (of the models, in order), `track` and `scorer` (their
    modules), `head`, `model` (the study's, as far as texts are encoded by it), `batch_size`,
    `threads`, `gpus`; of causal models `written`, of how many records of each split and part it is
    asked to write the completion (0 for none), `ngram`, n of EL_n, and `beams` and `samples`, by
    how many of them a secret is sought.

    A set without files or records has no rows; a record of several sets has rows in the last of
    them alone. Rows: record_id, sharding, shard, with candidates also their kind and number ('' and
    0 for what the record itself holds) and how many bytes the completion takes compressed; the
    scorer's `score`; of causal models its `tell`.
    """
    wanted = args.settings
    track, scorer = (importlib.import_module(wanted[name]) for name in ("track", "scorer"))
    torch.set_num_threads(wanted["threads"])
    device = device_of(wanted["gpus"])
    candidates = read_parquet(args.candidates) if args.candidates else None
    told = {
        path: _records(files, candidates)
        for path, files in zip(args.output, args.records, strict=True)
        if files
    }
    told = {path: records for path, records in once(told).items() if len(records)}
    for folder in (folder for folder in (*args.model, args.reference) if folder):
        check_model(folder)
    found: dict[Path, list[pd.DataFrame]] = {path: [] for path in args.output}
    encoded: dict[str, dict] = {}  # by their tokenizer, which many models share
    for shard, folder in zip(wanted["shards"], args.model, strict=True):
        tokenizer = load_tokenizer(folder)
        model = track.load(folder, tokenizer, wanted["head"]).to(device)
        reference = (
            track.load(args.reference, tokenizer, wanted["head"]).to(device)
            if args.reference
            else None
        )
        alike = tokenizer_digest(folder)
        if alike not in encoded:
            encoded[alike] = {
                path: track.encode(records, tokenizer, wanted["model"])[0]
                for path, records in told.items()
            }
        for path, records in told.items():
            examples = encoded[alike][path]
            frame = records[[name for name in TOLD if name in records]].assign(
                sharding=wanted["sharding"], shard=shard
            )
            if candidates is None:
                frame = frame.assign(**scorer.score(model, examples, wanted["batch_size"]))
            else:
                rows = scorer.Rows(
                    records["completion"].tolist(), *asked_of(records, wanted["written"])
                )
                frame = frame.assign(
                    **scorer.score(model, examples, wanted["batch_size"], reference, rows.own)
                )
                frame = frame.assign(**scorer.tell(model, tokenizer, examples, rows, wanted))
            found[path].append(frame)
    for path, frames in found.items():
        write_parquet(
            pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"record_id": []}),
            path,
        )


def once(told: dict[Path, pd.DataFrame]) -> dict[Path, pd.DataFrame]:
    """The same sets, without the records that a later one holds: what is forgotten stands among
    what was trained on, too."""
    found, later = {}, set()
    for path, records in reversed(told.items()):
        found[path] = records[~records["record_id"].isin(later)].reset_index(drop=True)
        later.update(records["record_id"])
    return found


def _records(paths: list[Path], candidates: pd.DataFrame | None) -> pd.DataFrame:
    """Records of a set, and below them each of their candidates as one: the same prompt, another
    completion."""
    records = pd.concat(map(read_parquet, paths), ignore_index=True)
    if candidates is None:
        return records
    others = candidates.merge(records[["record_id", "prompt"]], on="record_id")
    records = pd.concat([records.assign(kind=ANSWER, number=0), others], ignore_index=True)
    return records.assign(compressed=zlib_sizes(records["completion"]))


def asked_of(
    records: pd.DataFrame, written: int
) -> tuple[list[int], list[int], dict[str, list[int]]]:
    """Positions of the records' own completions, of those that are to be written, and by record
    those of a secret and its alternatives."""
    own = np.flatnonzero(records["kind"] == ANSWER)
    places = pd.Series(records.index, index=records["record_id"])
    others = places[(records["kind"] == ALTERNATIVE).to_numpy()]
    first = dict(zip(records["record_id"].iloc[own], own.tolist(), strict=True))
    planted = {
        name: [first[name], *found] for name, found in others.groupby(level=0).agg(list).items()
    }
    return own.tolist(), some_of(records.iloc[own], written), planted


def some_of(records: pd.DataFrame, count: int) -> list[int]:
    """Positions of at most ``count`` records of each split and part, that a hash of their ids
    chooses."""
    order = (
        records["record_id"]
        .map(lambda name: seed_of("written", name))
        .sort_values(kind="stable")
        .index
    )
    kinds = [records[name] for name in ("split", "part") if name in records]
    place = records.loc[order].groupby([kind.loc[order] for kind in kinds]).cumcount()
    return sorted(place[place < count].index.tolist())
