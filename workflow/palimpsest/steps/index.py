"""Records -> index: owner, split, label and groups of each record, without its text."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.groups import index_of
from palimpsest.data.records import read_parquet, write_parquet


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings is the study's `groups` section."""
    write_parquet(index_of(read_parquet(args.records), args.settings), args.output)
