"""A certificate as a page for people."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.filed import read_certificate
from palimpsest.audit.page import page
from palimpsest.files import write_text
from palimpsest.report.shown import tell


def add_arguments(parser) -> None:
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `methods` as they are shown, and `metrics`, described."""
    tell(args.settings["methods"])
    summaries = {name: metric["summary"] for name, metric in args.settings["metrics"].items()}
    results = args.certificate.parents[2].as_posix()  # it lies below STUDY/certificates/
    write_text(args.output, page(read_certificate(args.certificate), summaries, results))
