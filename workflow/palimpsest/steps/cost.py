"""The cost of a request: tokens trained for it, relative to a full retraining; for shards also the
expected cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from palimpsest.data.shards import SINGLE, parse_sharding
from palimpsest.data.storage import write_parquet
from palimpsest.files import read_json
from palimpsest.metrics.cost import expected_cost, full_cost
from palimpsest.report.tables import row, table
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
    """settings: `study`, `seed`, `state`, `model`, and `sharding` and `epochs`; or, for what a
    method trained, `method`.

    For shards also the expected share, for this request and, as a curve, for requests of 1 owner up
    to ten times its owners; rows of the curve have metric `expected_curve` and group 'owners=<how
    many>'. Expectations are over hashes, relative to the actual full retraining.
    """
    settings = args.settings
    full, evidence = read_json(args.full, "records", "tokens"), read_json(args.evidence, "owners")
    where = {key: settings[key] for key in ("study", "seed", "model")}
    method = settings.get("method") or ("oracle" if settings["sharding"] == SINGLE else "sisa")
    where |= {
        "request": settings["state"],
        "method": method,
        "shards": settings.get("sharding", SINGLE),
    }
    owners = len(evidence["owners"])
    tokens = sum(read_json(path, "tokens")["tokens"] for path in args.trained)
    numbers = {"retrained_tokens": tokens}
    if full["tokens"]:  # of a base that was never trained nothing is a share
        numbers["retrained_share"] = tokens / full["tokens"]
    rows = [row(where, "train", name, value, owners) for name, value in numbers.items()]
    if "sharding" in settings and full["tokens"]:
        rows += _expected(where, settings, full["records"], owners)
    write_parquet(table(rows), args.output)


def _expected(where: dict, settings: dict, records: int, owners: int) -> list[dict]:
    shards, slices = parse_sharding(settings["sharding"])

    def expected(count: int) -> float:
        trained = expected_cost(
            records, shards, slices, stage_epochs(settings["epochs"], slices), count, removed=0
        )
        return trained / full_cost(records, settings["epochs"])

    counts = np.unique(np.geomspace(1, 10 * owners, CURVE).round().astype(int)).tolist()
    curve = [
        row(where, "train", "expected_curve", expected(count), count, group=f"owners={count}")
        for count in counts
    ]
    return [row(where, "train", "expected_share", expected(owners), owners), *curve]
