"""Records -> index: owner, split, label and groups of each record, without its text."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.groups import check_calibration, index_of
from palimpsest.data.storage import read_parquet, write_parquet


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: the study's `groups` section, and `compared`, the families whose rates are fitted
    or measured, on valid and test."""
    index = index_of(read_parquet(args.records), args.settings["groups"])
    check_calibration(index, args.settings["compared"], splits=("valid", "test"))
    write_parquet(index, args.output)
