"""What a request cost: tokens trained for it, against a full retraining and, of shards, against the
expectation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palimpsest.data.shards import parse_sharding
from palimpsest.data.storage import write_parquet
from palimpsest.files import read_json
from palimpsest.metrics.cost import expected_cost, full_cost
from palimpsest.study.plan import SINGLE
from palimpsest.tables import row, table
from palimpsest.training.schedule import stage_epochs

CURVE = 25  # points, evenly spaced on a logarithmic scale; fewer where whole numbers coincide


def add_arguments(parser) -> None:
    parser.add_argument("--full", type=Path, required=True, help="training.json of the oracle")
    parser.add_argument("--evidence", type=Path, required=True, help="json of the request")
    parser.add_argument(
        "--trained",
        type=Path,
        nargs="*",
        default=[],
        help="training.json of all checkpoints trained for the request",
    )
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `study`, `seed`, `state`, `sharding`, `epochs`, `model`; or, of what a method
    trained, `method` and no `sharding`.

    Of shards also the expected share, of this request and of requests for 1 owner up to ten times
    as many as this one names: a curve, whose rows are of metric `expected_curve` and group
    'owners=<how many>'. Expectations are over hashes, of a full retraining as it is.
    """
    wanted = args.settings
    full, evidence = read_json(args.full, "records", "tokens"), read_json(args.evidence, "owners")
    where = {key: wanted[key] for key in ("study", "seed", "model")}
    method = wanted.get("method") or ("oracle" if wanted["sharding"] == SINGLE else "sisa")
    where |= {
        "request": wanted["state"],
        "method": method,
        "shards": wanted.get("sharding", SINGLE),
    }
    owners = len(evidence["owners"])
    tokens = sum(read_json(path, "tokens")["tokens"] for path in args.trained)
    numbers = {"retrained_tokens": tokens, "retrained_share": tokens / full["tokens"]}
    rows = [row(where, "train", name, value, owners) for name, value in numbers.items()]
    if "sharding" in wanted:
        rows += _expected(where, wanted, full["records"], owners)
    write_parquet(table(rows), args.output)


def _expected(where: dict, wanted: dict, records: int, owners: int) -> list[dict]:
    shards, slices = parse_sharding(wanted["sharding"])

    def expected(count: int) -> float:
        trained = expected_cost(
            records, shards, slices, stage_epochs(wanted["epochs"], slices), count, removed=0
        )
        return trained / full_cost(records, wanted["epochs"])

    counts = np.unique(np.geomspace(1, 10 * owners, CURVE).round().astype(int)).tolist()
    curve = [
        row(where, "train", "expected_curve", expected(count), count, group=f"owners={count}")
        for count in counts
    ]
    return [row(where, "train", "expected_share", expected(owners), owners), *curve]
