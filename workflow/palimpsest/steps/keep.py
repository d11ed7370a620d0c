"""Tidy table and newest certificate of a finished study -> what this repository keeps of it: the
numbers that its pages show, and where they are from."""

from __future__ import annotations

import importlib
from pathlib import Path

from palimpsest.files import file_digest, read_json, write_json


def add_arguments(parser) -> None:
    parser.add_argument("--metrics", type=Path, required=True, help="tidy table")
    parser.add_argument("--certificate", type=Path, required=True, help="that of the last request")
    parser.add_argument("--table", type=Path, required=True, help="csv: the rows that are kept")
    parser.add_argument("--provenance", type=Path, required=True, help="json: where they are from")


def run(args) -> None:
    """settings: `states` (the newest last), `family` of groups, `kept` (the track's module that
    says which rows), and `methods` and `attacks` as they are shown."""
    from palimpsest.data.storage import read_parquet
    from palimpsest.report.tables import ALL_SEEDS, write_csv

    metrics, settings = read_parquet(args.metrics), args.settings
    newest = metrics[metrics["request"] == settings["states"][-1]]
    kept = importlib.import_module(settings["kept"]).kept(newest, settings["family"])
    write_csv(kept, args.table, digits=6)
    certificate = read_json(args.certificate, "study", "code")
    told = ("study", "request", "issued", "code", "versions", "settings", "data", "digest")
    write_json(
        args.provenance,
        {
            "states": settings["states"],
            **{name: settings[name] for name in ("family", "methods", "attacks")},
            "seeds": sorted(set(kept["seed"]) - {ALL_SEEDS}),
            "metrics": file_digest(args.metrics),
            "certificate": {name: certificate[name] for name in told},
        },
    )
