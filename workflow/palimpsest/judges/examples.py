"""Labelled texts that judges learn from, and which of them are held out."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
from pandas import DataFrame, Series

from palimpsest.data.columns import read_table_records
from palimpsest.data.dropping import leave_out
from palimpsest.data.positions import listed
from palimpsest.data.tables import as_text
from palimpsest.errors import Problem, UserError
from palimpsest.files import file_digest
from palimpsest.randomness import seed_of


def labelled(entry: dict, paths: list[Path]) -> DataFrame:
    """text, label (0 or 1) and row of what one entry of a judge's `examples` names; row: the digest
    of its file and its number there.

    Rows without a text, or whose label or score is missing or not mapped, are left out and counted
    in the log.
    """
    mapped = {name: in_words(entry[name]) for name in ("text", "label")}
    asked = entry.get("drop", {})
    options = {key: entry[key] for key in ("quotes",) if key in entry}
    frame = read_table_records(paths, mapped, (), asked, **options)
    frame = chosen(frame, entry["rows"]) if "rows" in entry else frame
    digests = {path: file_digest(Path(path)) for path in frame.index.get_level_values(0).unique()}
    rows = [f"{digests[path]} {number}" for path, number in frame.index]
    frame = as_text(frame, ", ".join(map(str, paths))).assign(row=rows)
    frame, dropped, problems = leave_out(frame, {"columns": mapped, "drop": {"where": asked}})
    if problems:
        raise UserError(problems)
    labels = label_of(frame["label"], entry, paths)
    left = labels.notna() & frame["text"].fillna("").str.strip().astype(bool)
    logging.info(
        "%d labelled texts; %d rows are without a text or a label, and %d are dropped",
        left.sum(), (~left).sum(), sum(dropped.values()),
    )  # fmt: skip
    frame = frame.assign(label=labels)[left]
    return frame[["text", "label", "row"]].astype({"label": int}).reset_index(drop=True)


def in_words(column):
    """A column's name; one without a name is called by its number."""
    return list(map(in_words, column)) if isinstance(column, list) else str(column)


def chosen(frame: DataFrame, rows: list) -> DataFrame:
    """The rows of these positions, counted from 1 in each file."""
    problems, kept = [], []
    for path, part in frame.groupby(level=0, sort=False):
        positions, wrong = listed(rows, len(part), f"rows of {path}")
        numbers = part.index.get_level_values(1)
        kept.append(part[numbers.isin(positions)])
        problems += wrong
    if problems:
        raise UserError(problems)
    return pd.concat(kept)


def label_of(cells: Series, entry: dict, paths: list[Path]) -> Series:
    """0 or 1 of each cell, NaN where it is missing or not mapped: by `labels`, or whether a score
    is `at_least` so much."""
    if "labels" in entry:
        found = cells.map(entry["labels"])
    else:
        scores = pd.to_numeric(cells, errors="coerce")
        strange = cells[scores.isna() & cells.fillna("").str.strip().astype(bool)]
        if len(strange):
            what, remedy = "the column of scores holds no numbers", "map its values by `labels`"
            where = f"column {entry['label']!r} of {', '.join(map(str, paths))}"
            raise UserError(Problem(what, where, f"{len(strange)} cells", "numbers", remedy))
        found = (scores >= entry["at_least"]).astype(float).where(scores.notna())
    if found.isna().all():
        allowed = ", ".join(map(repr, entry["labels"])) if "labels" in entry else "numbers"
        where = f"column {entry['label']!r} of {', '.join(map(str, paths))}"
        remedy = "correct `label`, or the keys of `labels`"
        raise UserError(Problem("no row has a label", where, "", allowed, remedy))
    return found


def divided(frame: DataFrame, share: float, *names: object) -> tuple[DataFrame, DataFrame]:
    """(what is learnt, what is held out): about ``share`` of the rows of the files, by a hash of
    ``names`` and of the row, so that two texts of one row stay together. Of equal texts the first
    counts, so that none is on both sides."""
    frame = frame.drop_duplicates("text")
    apart = frame["row"].map(lambda row: seed_of(*names, "held out", row) < share * 2**63)
    parts = frame[~apart], frame[apart]
    for part, what in zip(parts, ("to learn from", "held out"), strict=True):
        if part["label"].nunique() < 2:
            found = f"{len(part)} texts, {part['label'].sum()} of label 1"
            remedy = "give it more examples, or another `held_out`"
            raise UserError(
                Problem(f"a judge needs texts of both labels {what}", names[-1], found,
                        remedy=remedy)
            )  # fmt: skip
    learnt, held_out = (part.reset_index(drop=True) for part in parts)
    return learnt, held_out
