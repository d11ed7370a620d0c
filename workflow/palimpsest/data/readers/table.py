"""A user's own table; the study maps its columns."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.candidates import no_candidates
from palimpsest.data.tables import read_table_records

candidates = no_candidates


def read(data: dict, paths: list[Path]):
    options = {name: data[name] for name in ("encoding", "quotes") if name in data}
    return read_table_records(paths, data.get("columns", {}), data.get("keep", ()), **options), data
