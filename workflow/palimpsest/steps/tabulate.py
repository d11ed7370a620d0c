"""All numbers of a study -> the one tidy table, and a summary for people."""

from __future__ import annotations

import importlib
from pathlib import Path

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.files import write_text
from palimpsest.methods.shown import tell
from palimpsest.summary import as_html, as_markdown, summarise
from palimpsest.tables import tidy, write_csv


def add_arguments(parser) -> None:
    parser.add_argument(
        "--metrics", type=Path, nargs="+", required=True, help="parquet files of numbers"
    )
    for name in ("parquet", "csv", "summary", "html"):
        parser.add_argument(f"--{name}", type=Path, required=True)


def run(args) -> None:
    """settings: `states` (the newest last), `families` (fitted ones), `level` of the intervals
    (0.95), `metrics`, described, `methods` as they are shown, and `summary`, the module of the
    track that says what people are shown."""
    level = args.settings.get("level", 0.95)
    tell(args.settings["methods"])
    metrics = tidy((read_parquet(path) for path in args.metrics), level, args.settings["metrics"])
    write_parquet(metrics, args.parquet)
    write_csv(metrics, args.csv, digits=9)
    track = importlib.import_module(args.settings["summary"])
    sections = summarise(metrics, args.settings, track)
    write_text(args.summary, as_markdown(sections))
    write_text(args.html, as_html(sections))
