"""Tidy table and newest certificate of a finished study -> what this repository keeps of it: the
numbers that its pages show, and where they are from."""

from __future__ import annotations

from pathlib import Path

from palimpsest.files import file_digest, read_json, write_json

# What the pages show of a study, and what decides which methods are the same.
METRICS = (
    "accuracy", "agreement", "auroc", "equalized_odds_max", "fpr", "retrained_share", "tpr",
)  # fmt: skip
SETS = ("test", "train")


def add_arguments(parser) -> None:
    parser.add_argument("--metrics", type=Path, required=True, help="tidy table")
    parser.add_argument("--certificate", type=Path, required=True, help="that of the last request")
    parser.add_argument("--table", type=Path, required=True, help="csv: the rows that are kept")
    parser.add_argument("--provenance", type=Path, required=True, help="json: where they are from")


def run(args) -> None:
    """settings: `states` (the newest last), and `family` of groups."""
    from palimpsest.data.storage import read_parquet
    from palimpsest.report.tables import ALL_SEEDS, write_csv

    metrics, settings = read_parquet(args.metrics), args.settings
    kept = shown_rows(metrics, settings["states"][-1], settings["family"])
    write_csv(kept, args.table, digits=6)
    certificate = read_json(args.certificate, "study", "code")
    told = ("study", "request", "issued", "code", "versions", "settings", "data", "digest")
    write_json(
        args.provenance,
        {
            "states": settings["states"],
            "family": settings["family"],
            "seeds": sorted(set(kept["seed"]) - {ALL_SEEDS}),
            "metrics": file_digest(args.metrics),
            "certificate": {name: certificate[name] for name in told},
        },
    )


def shown_rows(metrics, state: str, family: str):
    """Rows of the newest state, of each seed and over all: METRICS on test records and what the
    deletion cost, over all records and by the groups of one family."""
    groups = metrics["group"].str.partition("=")[0]
    return metrics[
        (metrics["request"] == state)
        & (metrics["attack"] == "")
        & metrics["set"].isin(SETS)
        & metrics["metric"].isin(METRICS)
        & groups.isin(["", family])
    ]
