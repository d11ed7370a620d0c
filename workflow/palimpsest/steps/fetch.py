"""Fetch a source by its url or hub id."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.sources import fetch


def add_arguments(parser) -> None:
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings is the source."""
    fetch(args.settings, args.output)
