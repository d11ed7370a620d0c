"""A user's own table; the study maps its columns."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.candidates import no_candidates
from palimpsest.data.columns import read_table_records
from palimpsest.data.spans import SPANS, blanked, with_spans

OPTIONS = ("encoding", "quotes", "separator", "header", "txt")  # keys that say how to read a file

candidates = no_candidates


def read(data: dict, paths: list[Path]):
    options = {name: data[name] for name in OPTIONS if name in data}
    asked = data.get("drop", {}).get("where", ())
    columns, keep = data.get("columns", {}), data.get("keep", ())
    rows = read_table_records(paths, columns, keep, asked, **options)
    if SPANS in columns:
        where = ", ".join(map(str, paths))
        rows = with_spans(rows, "completion", data.get("span_unit", "characters"), where)
        rows = blanked(rows) if data.get("blanks") else rows
    return rows, data
