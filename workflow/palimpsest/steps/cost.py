"""What a request cost: tokens and seconds trained for it, against a full retraining and against the expectation."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.shards import parse_sharding
from palimpsest.data.storage import write_parquet
from palimpsest.files import read_json
from palimpsest.metrics.cost import expected_cost, full_cost
from palimpsest.tables import row, table
from palimpsest.training.schedule import stage_epochs


def add_arguments(parser) -> None:
    parser.add_argument("--full", type=Path, required=True, help="training.json of the oracle")
    parser.add_argument("--evidence", type=Path, required=True, help="json of the request")
    parser.add_argument("--trained", type=Path, nargs="*", default=[], help="training.json of all checkpoints trained for the request")
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `study`, `seed`, `state`, `sharding`, `epochs`, `model`."""
    wanted = args.settings
    full, evidence = read_json(args.full), read_json(args.evidence)
    shards, slices = parse_sharding(wanted["sharding"])
    trained = [read_json(path) for path in args.trained]
    where = {key: wanted[key] for key in ("study", "seed", "model")}
    where |= {
        "request": wanted["state"],
        "method": "sisa" if shards * slices > 1 else "oracle",
        "shards": wanted["sharding"],
    }
    owners = len(evidence["owners"])
    tokens, seconds = (sum(report[key] for report in trained) for key in ("tokens", "seconds"))
    expected = expected_cost(full["records"], shards, slices, stage_epochs(wanted["epochs"], slices), owners, removed=0)
    numbers = {
        "retrained_tokens": tokens,
        "retrained_seconds": seconds,
        "retrained_share": tokens / full["tokens"],
        "expected_share": expected / full_cost(full["records"], wanted["epochs"]),
    }
    write_parquet(table(row(where, "train", name, value, owners) for name, value in numbers.items()), args.output)
