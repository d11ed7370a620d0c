"""Records -> a set that models are scored on: the held-out splits, or what a request asked to forget."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.ledger import read_ledger
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.files import write_json

HELDOUT = ("valid", "test", "holdout")


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)


def run(args) -> None:
    """settings: `request`, whose owners' training records are taken; without it, the held-out splits."""
    records, request = read_parquet(args.records), args.settings.get("request")
    if request is None:
        chosen = records[records["split"].isin(HELDOUT)]
    else:
        owners = next(known.owners for known in read_ledger(args.ledger) if known.name == request)
        chosen = records[(records["split"] == "train") & records["owner"].isin(owners)]
    chosen = chosen.reset_index(drop=True)
    write_parquet(chosen, args.output)
    write_json(args.digest, {"digest": records_digest(chosen), "records": len(chosen)})
