"""From the rows of a source, which a reader gives, to records."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data.columns import names_in_file
from palimpsest.data.copies import TOGETHER, alike, in_one_split
from palimpsest.data.dropping import leave_out
from palimpsest.data.records import (
    SPLITS,
    called,
    in_one_form,
    name_rows,
    record_problems,
    shown,
    split_counts,
)
from palimpsest.data.storage import COLUMNS, LABELLED, MAY_BE_EMPTY, TEXTS, columns_of
from palimpsest.data.tables import as_text, plain
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import seed_of

if TYPE_CHECKING:
    from pandas import DataFrame, Series

DROP = "drop"


@dataclass(frozen=True)
class ReadReport:
    """What became of the rows of a source: nothing is dropped without being counted."""

    read: int  # rows of the source
    dropped: dict[str, int]  # reason -> rows
    by_split: dict[str, int]  # split -> records

    def __str__(self) -> str:
        dropped = "".join(f"; {count} dropped: {reason}" for reason, count in self.dropped.items())
        return f"{self.read} rows read{dropped}; " + ", ".join(
            f"{n} {split}" for split, n in self.by_split.items()
        )


def read_candidates(data: dict, paths: list[Path], records: DataFrame) -> DataFrame:
    """Other completions of ``records`` (candidates.py); none where the reader has none."""
    rows = importlib.import_module(data["reader"]).candidates(data, paths)
    return rows[rows["record_id"].isin(records["record_id"])].reset_index(drop=True)


def read_records(
    data: dict,
    paths: list[Path],
    *,
    classes: int | None = None,
    fields: Sequence[str] = LABELLED,
    splits: Mapping[Path, str] | None = None,
) -> tuple[DataFrame, ReadReport]:
    """The records of a study's ``data`` section, whose `reader` is the module of one, and what
    became of the rows.

    Columns: record_id, owner, the ``fields`` of the track (text and label, or prompt and
    completion; label is int64, all others str; without a prompt it is ""), split (one of SPLITS),
    then the kept ones (str, "" where missing); sorted by record_id, so that the order of files and
    rows does not matter. Where a column is not mapped:

    - record_id is the first 16 hex digits of SHA-256 over owner and the fields of the track; equal
      rows get -2, -3, ...
    - owner is the record_id, without the -2: rows of equal content have one owner, are forgotten
      together, and taking them out of the source changes no other id
    - split is the one that ``splits`` gives all rows of a file, or drawn by a hash of the id (equal
      content, equal split) in the shares ``split_shares``, so that no record moves when others come
      or go. Shares by split divide the records of these splits in the same way.

    With ``extra_share`` the validation records of that share of owners are split extra. With
    ``copies`` together the split of a text is drawn, so that its copies have the same, and where
    splits are given a text stays in one of them (``copies.in_one_split``).

    Raises one UserError with all problems; labels are checked against ``classes`` where it is
    given.
    """
    reader = importlib.import_module(data["reader"])
    where = ", ".join(map(str, paths)) or f"reader {reader.__name__.rpartition('.')[2]!r}"
    raw, settings = reader.read(data, paths)
    names = names_in_file(settings.get("columns", {}))
    raw = as_text(raw, where, names)
    if splits:
        raw["split"] = raw.index.get_level_values(0).map({str(p): s for p, s in splits.items()})
    for name in (name for name in fields if name in MAY_BE_EMPTY):
        raw[name] = raw[name].fillna("") if name in raw else ""
    content = raw["record_id"] if "record_id" in raw else _content_ids(raw, fields)
    rows, left_out, slips = leave_out(raw, settings)
    rows, unmapped, problems = _translate(rows, settings, where, names)
    dropped, problems = left_out | unmapped, slips + problems
    content = content[rows.index]
    if "owner" not in rows:
        rows["owner"] = content
    shares, together = settings.get("split_shares") or {}, data.get("copies") == TOGETHER
    drawn_by = alike(rows) if together else content
    if "split" not in rows:
        rows["split"] = drawn_by.map(_draw(shares))
    else:
        given = rows["split"].copy()
        if any(not isinstance(parts, dict) for parts in shares.values()):
            found, remedy = "there is a split column", "keep `columns.split` or `split_shares`"
            problems.append(Problem("two ways to split", "data.split_shares", found, remedy=remedy))
            shares = {}
        for name, parts in shares.items():
            rows.loc[given == name, "split"] = drawn_by[given == name].map(_draw(parts))
    if settings.get("extra_share"):
        unseen = (
            rows["owner"]
            .map(lambda owner: seed_of("extra", owner) < settings["extra_share"] * 2**63)
            .astype(bool)
        )
        rows.loc[unseen & (rows["split"] == "valid"), "split"] = "extra"
    if "record_id" not in rows:
        rows["record_id"] = _numbered(content, rows)
    if together:
        rows, repeated = in_one_split(rows)
        dropped |= repeated

    kept = [name for name in rows.columns if name not in COLUMNS]
    rows = rows[[*columns_of(fields), *kept]]
    problems += record_problems(rows, where=where, classes=classes, fields=fields, names=names)
    if problems:
        raise UserError(problems)
    rows = rows.fillna(dict.fromkeys(kept, "")).astype(
        {name: "int64" if name == "label" else "str" for name in rows}
    )
    return rows.sort_values("record_id", ignore_index=True), ReadReport(
        len(raw), dropped, split_counts(rows)
    )


def _translate(
    rows: DataFrame, settings: dict, where: str, names: dict[str, str]
) -> tuple[DataFrame, dict[str, int], list[Problem]]:
    """Raw splits and labels by the study's mappings -> (rows that stay, reason -> rows dropped,
    problems)."""
    rows, dropped, problems = rows.copy(), {}, []
    texts = {text for name in TEXTS if name in rows for text in rows[name].dropna()}
    for column, key in (("split", "splits"), ("label", "labels")):
        if column not in rows:
            continue
        raw = rows[column].fillna("")
        default = {name: name for name in SPLITS} if column == "split" else _whole_numbers(raw)
        mapping = {
            plain(name) or "": value for name, value in (settings.get(key) or default).items()
        }
        out = raw.isin([name for name, value in mapping.items() if value in (None, DROP)])
        dropped |= {
            f"{column} {name!r}": int(count)
            for name, count in raw[out].value_counts().sort_index().items()
        }
        unknown = ~raw.isin(mapping) & (raw != "")
        if unknown.any():
            alike = _alike(raw[unknown], mapping)
            found = f"{_unknown(raw[unknown], alike, mapping, texts)} in {name_rows(rows, unknown)}"
            allowed = (
                ", ".join(map(repr, mapping))
                if settings.get(key) or column == "split"
                else "whole numbers"
            )
            entries = {one: mapping.get(name) for one, name in alike.items()}
            missing = ", ".join(
                f"{json.dumps(one)}: {'null' if value is None else value}"
                for one, value in entries.items()
            )
            remedy = (
                f"map each raw value by `data.{key}`{', as in ' if missing else ''}{missing}; in "
                "YAML numbers with a point, yes, no, on, off, true and false need quotes there"
            )
            what = f"unknown {column}{called(column, names)}"
            problems.append(Problem(what, where, found, allowed, remedy))
        # an unknown value is a problem already: a valid one replaces it, so that it is reported
        # once
        rows[column] = raw.map(mapping).mask(unknown, SPLITS[0] if column == "split" else 0)
        rows = rows[~out]
    return rows.copy(), dropped, problems


def _alike(values: Series, mapping: dict) -> dict[str, str]:
    """Raw value -> the mapped one, or the empty one, from which it differs by blanks, case or how a
    number is written alone."""
    forms = {"": "", **{in_one_form(name): name for name in mapping}}
    return {
        value: forms[in_one_form(value)]
        for value in sorted(set(values))
        if in_one_form(value) in forms
    }


def _unknown(values: Series, alike: dict[str, str], mapping: dict, texts: set[str]) -> str:
    """Raw values for a message. What is almost a mapped one is no text of a record, and shown as it
    stands."""
    pairs = [
        f"{value!r}{f', where {name!r} is mapped' if name in mapping else ''}"
        for value, name in alike.items()
    ]
    others = shown([value for value in values if value not in alike], texts)
    return "; ".join([*pairs[:5], *filter(None, [others])])


def _whole_numbers(labels: Series) -> dict[str, int]:
    """Raw text -> label, where the text is a whole number ("1", "1.0")."""
    return {
        text: int(float(text))
        for text in set(labels)
        if re.fullmatch(r"[+-]?[0-9]{1,9}(\.0+)?", text)
    }


def _content_ids(rows: DataFrame, fields: Sequence[str]) -> Series:
    import pandas as pd

    owners = rows["owner"] if "owner" in rows else [""] * len(rows)
    ids = []
    for values in zip(owners, *(rows[name] for name in fields), strict=True):
        digest = hashlib.sha256()
        for field in map(str, values):
            digest.update(f"{len(field.encode())}:{field}".encode())
        ids.append(digest.hexdigest()[:16])
    return pd.Series(ids, index=rows.index)


def _numbered(content: Series, rows: DataFrame) -> Series:
    """The ids with -2, -3, ... behind repeated ones, in an order given by the rows' values, not by
    their places."""
    others = [name for name in rows.columns if name not in ("record_id", "owner", *TEXTS)]
    number = (
        rows[others]
        .assign(**{"record id": content})
        .sort_values(others)
        .groupby("record id")
        .cumcount()
        + 1
    )
    return content.where(number == 1, content + "-" + number.astype(str))


def _draw(shares: dict[str, float]) -> Callable[[str], str | None]:
    """record id -> split: a hash of the id, as a number in [0, 1), is looked up in the cumulative
    shares."""
    bounds, total = [], 0.0
    for name in SPLITS:
        if shares.get(name):
            total += shares[name]
            bounds.append((total, name))
    # the sum of the shares may fall short of 1 by a rounding error
    last = bounds[-1][1] if bounds else None

    def draw(record_id: str) -> str | None:
        position = seed_of("split", record_id) / 2**63
        return next((name for bound, name in bounds if position < bound), last)

    return draw
