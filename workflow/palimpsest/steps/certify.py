"""The certificate of one deletion request."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.certificate import certify
from palimpsest.audit.filed import write_certificate
from palimpsest.audit.planned import add_results, planned
from palimpsest.data.storage import read_parquet


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
    add_results(parser)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: those of `palimpsest.audit.planned`; `state`, `level` (of intervals) and `metrics`,
    described; `digests` of the study's settings, `details` of the request (data/details.py) and
    what the study's `methods` do to the forgotten (methods/registry.py)."""
    plan, sources = planned(args.settings, args.ledger, args.results)
    metrics = [read_parquet(path) for path in args.metrics]
    write_certificate(args.output, certify(plan, args.request, args.settings, metrics, sources))
