"""A certificate as a page for people."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.certificate import checked
from palimpsest.audit.page import page
from palimpsest.files import read_json, write_text
from palimpsest.methods.shown import tell


def add_arguments(parser) -> None:
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `methods` as they are shown, and `metrics`, described."""
    tell(args.settings["methods"])
    summaries = {name: metric["summary"] for name, metric in args.settings["metrics"].items()}
    write_text(args.output, page(checked(read_json(args.certificate)), summaries))
