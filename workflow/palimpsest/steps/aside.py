"""Of a set of records those by which settings are chosen."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.aside import in_part
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.files import write_json


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)


def run(args) -> None:
    """settings: `study` and `share`, by which the records are drawn."""
    records = read_parquet(args.records)
    kept = [in_part(name, **args.settings) for name in records["record_id"]]
    chosen = records[kept].reset_index(drop=True)
    write_parquet(chosen, args.output)
    write_json(args.digest, {"digest": records_digest(chosen), "records": len(chosen)})
