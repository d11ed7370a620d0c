"""Source files -> records, checked; with a report of what was read and what was left out."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from palimpsest.data.identity import identities
from palimpsest.data.ledger import forgotten_owners, read_ledger
from palimpsest.data.reading import read_candidates, read_records
from palimpsest.data.records import check_records
from palimpsest.data.storage import records_digest, write_parquet
from palimpsest.files import read_json, write_json


def add_arguments(parser) -> None:
    parser.add_argument("--source", type=Path, nargs="*", default=[])
    parser.add_argument("--purged", type=Path, help="record of purges: whose records are left out")
    parser.add_argument("--ledger", type=Path)
    parser.add_argument(
        "--candidates", type=Path, help="other completions of records, where the track has any"
    )
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)


def run(args) -> None:
    """settings is the study's `data` section, with the module of its `reader`, and `fields`, the
    columns of a record that its track needs."""
    classes, fields = args.settings["classes"], args.settings["fields"]
    frame, report = read_records(args.settings, args.source, classes=classes, fields=fields)
    check_records(
        frame,
        where=", ".join(map(str, args.source)) or args.settings["reader"].rpartition(".")[2],
        classes=classes,
        fields=fields,
    )
    counts = dataclasses.asdict(report)
    if args.purged:
        upto = read_json(args.purged)["purges"][-1]["upto"]
        gone = frame["owner"].isin(forgotten_owners(read_ledger(args.ledger), upto))
        frame, counts["purged"] = frame[~gone].reset_index(drop=True), int(gone.sum())
    logging.info("records: %s", counts)
    write_parquet(frame, args.records)
    if args.candidates:
        write_parquet(read_candidates(args.settings, args.source, frame), args.candidates)
    write_json(
        args.report, counts | {"digest": records_digest(frame), "sources": identities(args.source)}
    )
