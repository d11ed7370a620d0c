"""What the records are like: their labels and copies by split, and how many of their texts
are cut, or of pieces that the tokenizer does not know. Nothing is trained or scored for it."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path

from palimpsest.data.copies import copies
from palimpsest.data.records import SPLITS
from palimpsest.data.storage import read_parquet
from palimpsest.files import write_json
from palimpsest.models.folder import check_tokenizer
from palimpsest.models.start import fetched_start
from palimpsest.models.tokenizers import load_tokenizer, pieces
from palimpsest.report.described import lines, warnings


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument(
        "--candidates", type=Path, help="other completions of records, where the track has any"
    )
    parser.add_argument(
        "--tokenizer", type=Path, help="folder; without it the tokenizer of model.init"
    )
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `track` and `score` (its modules), the study's `model` as far as texts are encoded
    by it, and `classes`, 0 where records have no label."""
    settings = args.settings
    track, score = (importlib.import_module(settings[name]) for name in ("track", "score"))
    if args.tokenizer:
        check_tokenizer(args.tokenizer)
    tokenizer = load_tokenizer(args.tokenizer or fetched_start(settings["model"]))
    records = read_parquet(args.records)
    candidates = read_parquet(args.candidates) if args.candidates else None
    copied = copies(records)
    trained = records.loc[records["split"] == "train", "owner"].value_counts()
    described = {
        "max_length": settings["model"]["max_length"],
        "largest_owner": int(trained.max()),
        "splits": {},
    }
    for split in (name for name in SPLITS if (records["split"] == name).any()):
        part = records[records["split"] == split].reset_index(drop=True)
        texts = score.texts(part, candidates)
        examples, cut = track.encode(texts, tokenizer, settings["model"])
        count, unknown = pieces(tokenizer, examples.token_ids)
        facts = {"records": len(part), "texts": len(texts), "cut": cut}
        facts |= {"pieces": count, "unknown": unknown, "copies": copied.get(split, 0)}
        if settings["classes"]:
            labels = part["label"].value_counts()
            facts["labels"] = {str(n): int(labels.get(n, 0)) for n in range(settings["classes"])}
        described["splits"][split] = facts
    for line in lines(described):
        logging.info("%s", line)
    for warning in warnings(described):
        logging.warning("%s", warning)
    write_json(args.output, described)
