"""Rows of a user's own table that the study leaves out, and why: `data.drop`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from palimpsest.data.columns import asked, parts_of
from palimpsest.data.records import SHOWABLE, in_one_form, is_blank
from palimpsest.data.storage import COLUMNS, MAY_BE_EMPTY, TEXTS
from palimpsest.data.tables import plain
from palimpsest.errors import Problem, nearest

if TYPE_CHECKING:
    from pandas import DataFrame, Series


def leave_out(rows: DataFrame, data: dict) -> tuple[DataFrame, dict[str, int], list[Problem]]:
    """(rows that stay, reason -> rows that it alone or first leaves out, problems).

    rows: cells as text, None where one is missing. `where`: column -> values that leave a row out.
    `empty`: rows with nothing in a mapped column, the prompt apart; a label or split that the study
    maps is not empty. `longer_than`: rows whose text, or prompt and completion together, have more
    characters (code points).
    """
    drop = data.get("drop") or {}
    left, counts = rows, {}
    for reason, out in _reasons(rows, drop, data):
        here = out[left.index]
        counts[reason], left = int(here.sum()), left[~here]
    columns = [asked(column) for column in drop.get("where", {})]
    return left.drop(columns=columns), counts, list(_slips(rows, drop.get("where", {}), data))


def _reasons(rows: DataFrame, drop: dict, data: dict) -> Iterator[tuple[str, Series]]:
    for column, values in drop.get("where", {}).items():
        cells = rows[asked(column)].fillna("")
        for value in map(_cell, values):
            yield f"{column} is {value!r}", cells == value
    if drop.get("empty"):
        mapped = {"label": data.get("labels"), "split": data.get("splits")}
        for name in COLUMNS:
            if name not in rows or name in MAY_BE_EMPTY or "" in (mapped.get(name) or {}):
                continue
            if (blank := is_blank(rows[name])).any():
                yield f"{name} is empty", blank
    if "longer_than" in drop:
        length = sum(rows[name].fillna("").str.len() for name in TEXTS if name in rows)
        yield f"longer than {drop['longer_than']} characters", length > drop["longer_than"]


def _cell(value: object) -> str:
    """A value of YAML as the cell of a table, which is empty for null."""
    return plain(value) or ""


def _slips(rows: DataFrame, where: dict, data: dict) -> Iterator[Problem]:
    """A value may be gone with the rows that had it; one spelt almost like another is a typing
    error. What stands in a column of a text is not shown."""
    mapped = data.get("columns", {})
    texts = {part for name in TEXTS if name in mapped for part in parts_of(mapped[name])}
    for column, values in [(name, where[name]) for name in where if name not in texts]:
        cells, values = set(rows[asked(column)].dropna()), set(map(_cell, values))
        others = {cell for cell in cells - values if SHOWABLE.fullmatch(cell.strip())}
        for value in sorted(values - cells):
            alike = sorted(one for one in others if in_one_form(one) == in_one_form(value))
            remedy = (
                f"write it as it stands in the file: {json.dumps(alike[0])}"
                if alike
                else nearest(value, others, cutoff=0.85)
            )
            if remedy:
                place = f"data.drop.where.{column}"
                yield Problem("no row has this value", place, repr(value), remedy=remedy)
