"""Source files -> records, checked; with a report of what was read and what was left out."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from palimpsest.data.copies import TOGETHER, copies
from palimpsest.data.identity import identities, settings_digest
from palimpsest.data.ledger import add_ledger, forgotten_owners, ledger_of, normalized
from palimpsest.data.owners import look_alikes
from palimpsest.data.reading import read_candidates, read_records
from palimpsest.data.records import check_records
from palimpsest.data.storage import records_digest, write_parquet
from palimpsest.files import read_json, write_json


def add_arguments(parser) -> None:
    parser.add_argument("--source", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--splits", nargs="*", default=[], help="the split of all rows of each source, if any"
    )
    parser.add_argument("--purged", type=Path, help="record of purges: whose records are left out")
    parser.add_argument(
        "--needed", nargs=2, action="append", default=[], metavar=("SPLIT", "BY"),
        help="a split that the study needs besides train and test, and what needs it",
    )  # fmt: skip
    add_ledger(parser)
    parser.add_argument(
        "--candidates", type=Path, help="other completions of records, where the track has any"
    )
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)


def run(args) -> None:
    """settings is the study's `data` section, with the module of its `reader`, and `fields`, the
    columns of a record that its track needs."""
    classes, fields = args.settings["classes"], args.settings["fields"]
    splits = dict(zip(args.source, args.splits, strict=True)) if args.splits else {}
    frame, report = read_records(
        args.settings, args.source, classes=classes, fields=fields, splits=splits
    )
    if args.same_owner == "normalized":
        frame["owner"] = frame["owner"].map(normalized)
    check_records(
        frame,
        where=", ".join(map(str, args.source)) or args.settings["reader"].rpartition(".")[2],
        classes=classes,
        fields=fields,
        needed=dict(args.needed),
    )
    counts = dataclasses.asdict(report) | {"look_alikes": len(look_alikes(frame["owner"]))}
    if args.purged:
        upto = read_json(args.purged)["purges"][-1]["upto"]
        gone = frame["owner"].isin(forgotten_owners(ledger_of(args), upto))
        frame, counts["purged"] = frame[~gone].reset_index(drop=True), int(gone.sum())
    counts["copies"] = copies(frame)
    logging.info("records: %s", counts)
    if counts["copies"]:
        logging.warning(
            "texts stand in several splits, those of %s records (case, white space and encoding "
            "apart): `data.copies: %s` keeps each in one", counts["copies"], TOGETHER,
        )  # fmt: skip
    write_parquet(frame, args.records)
    if args.candidates:
        write_parquet(read_candidates(args.settings, args.source, frame), args.candidates)
    write_json(
        args.report,
        counts
        | {
            "settings": settings_digest(args.settings),
            "digest": records_digest(frame),
            "sources": identities(args.source),
        },
    )
