"""Scores or decisions -> numbers, computed by the track's measuring module."""

from __future__ import annotations

import importlib
from pathlib import Path

from palimpsest.data.ledger import add_ledger, ledger_of
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.files import read_json
from palimpsest.report.tables import table
from palimpsest.tracks.measured import Given


def add_arguments(parser) -> None:
    parser.add_argument(
        "--given",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "FILE"),
        help="what files hold, and the files, the oldest state first; once for each name",
    )
    parser.add_argument("--index", type=Path, required=True)
    add_ledger(parser)
    parser.add_argument("--attack", type=Path, help="training.json of an attack on the model")
    parser.add_argument("--items", type=Path, help="table of single items")
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `measurer` (its module), and what it takes: `study`, `seed`, `state`, `method`,
    `model`, `bootstrap`, `level`, what the track adds to these, and for a model after an attack its
    `attack`."""
    measurer = importlib.import_module(args.settings["measurer"])
    files = {name: list(map(Path, paths)) for name, *paths in args.given}
    requests = ledger_of(args)
    shown = read_json(args.attack, "shown")["shown"] if args.attack else []
    given = Given(files, read_parquet(args.index), requests, frozenset(shown))
    measured = measurer.measure(given, args.settings)
    write_parquet(table(measured.rows), args.output)
    if args.items:
        write_parquet(measured.items, args.items)
