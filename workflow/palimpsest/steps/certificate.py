"""The certificate of one deletion request."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.certificate import certify
from palimpsest.audit.planned import planned
from palimpsest.data.storage import read_parquet
from palimpsest.files import write_json


def add_arguments(parser) -> None:
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--request", required=True)
    parser.add_argument(
        "--metrics",
        type=Path,
        nargs="*",
        default=[],
        help="parquet files of numbers about the state",
    )
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: those of `palimpsest.audit.planned`; `state`, `level` (of intervals) and `metrics`,
    described."""
    plan, sources = planned(args.settings, args.ledger)
    metrics = [read_parquet(path) for path in args.metrics]
    write_json(args.output, certify(plan, args.request, args.settings, metrics, sources))
