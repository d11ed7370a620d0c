"""Records as a table: their splits, the checks before use, and what a message may show of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from palimpsest.data.storage import LABELLED, MAY_BE_EMPTY, TEXTS, columns_of
from palimpsest.errors import Problem, UserError, nearest

SPLITS = ("train", "valid", "test", "holdout", "extra")
REQUIRED_SPLITS = ("train", "test")  # of every study; methods may need others
# not allowed in owners (a line of the ledger) and ids (logs): they break lines or columns
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SHOWABLE = re.compile(r"[\w.+-]{1,24}")
# at the ends of a cell: white space, and signs of no width
UNSEEN = " \t\r\n\v\f\u200b\u200c\u200d\u2060\ufeff"
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?")
LEAVE_OUT = "fill it in, or take the rows out; of your own table by `data.drop: {empty: true}`"


def called(name: str, names: dict[str, str] | None) -> str:
    """`` (column 'review')`` behind the name of a field that the file calls otherwise."""
    return f" (column {names[name]})" if names and name in names else ""


def check_records(
    frame,
    *,
    where: str,
    classes: int,
    fields: Iterable[str] = LABELLED,
    needed: Mapping[str, str] | None = None,
) -> None:
    """Raise one UserError with all that is wrong with a frame of records; ``where`` names where it
    came from. needed: splits that a study needs besides -> what needs them."""
    problems = record_problems(frame, where=where, classes=classes, fields=fields)
    if "split" in frame:
        problems += missing_splits(split_counts(frame), needed or {}, where)
    if not problems and "label" in frame:
        problems += _one_label(frame.loc[frame["split"] == "train", "label"], where)
    if problems:
        raise UserError(problems)


def record_problems(
    frame,
    *,
    where: str,
    classes: int | None = None,
    fields: Iterable[str] = LABELLED,
    names: dict[str, str] | None = None,
) -> list[Problem]:
    """All that is wrong with a frame of records; labels may be any whole number from 0 on where
    ``classes`` is None.

    Rows are named by id, and by file and row where the index has them
    (:func:`read_table_records`), never by text. ``names``: columns as the file calls them.
    """
    problems = []
    for name in columns_of(fields):
        if name not in frame:
            found = ", ".join(map(repr, frame.columns)) or "no columns"
            remedy = nearest(name, frame.columns) or "add it, or map a column to it"
            problems.append(Problem(f"column {name!r} is missing", where, found, remedy=remedy))
    if not len(frame):
        return [
            *problems,
            Problem(
                "there are no records", where, remedy="look at the source, and at what is dropped"
            ),
        ]
    for what, bad, allowed, remedy in _rules(frame, classes, names):
        if bad.any():
            problems.append(Problem(what, where, name_rows(frame, bad), allowed, remedy))
    if "split" in frame:
        problems += missing_splits(split_counts(frame), dict.fromkeys(REQUIRED_SPLITS, ""), where)
    return problems


def missing_splits(
    counts: Mapping[str, int], needed: Mapping[str, str], where: str
) -> Iterator[Problem]:
    """Splits without records. counts: records by split; needed: split -> what needs it, "" where
    every study does."""
    missing = [name for name in needed if not counts.get(name)]
    if not missing:
        return
    found = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no known split"
    remedy = (
        "map the raw names by `splits`, or draw them by `split_shares`, which may divide a split "
        "that is given: `split_shares: {train: {train: 0.9, valid: 0.1}}`"
    )
    askers = "; ".join(f"{name} is for {needed[name]}" for name in missing if needed[name])
    what = f"no record is in split {' or '.join(missing)}"
    allowed = f"records in each of {', '.join(needed)}" + (f": {askers}" if askers else "")
    remedy += ", or leave out what needs it" if askers else ""
    yield Problem(what, where, found, allowed, remedy)


def _one_label(labels, where: str) -> Iterator[Problem]:
    """labels: of the training records."""
    if labels.nunique() > 1:
        return
    found = f"label {labels.iloc[0]} in all {len(labels)} of them"
    remedy = "correct `data.columns.label` or `data.labels`; or add records of another label"
    what = "the training records have one label: there is nothing to learn"
    yield Problem(what, where, found, "two labels or more", remedy)


def _rules(frame, classes: int | None, names: dict[str, str] | None) -> Iterator[tuple]:
    """(what is wrong, mask of the rows (n,), what is allowed, the remedy) for each rule on single
    records."""
    for name in [name for name in ("record_id", "owner", *TEXTS, "split") if name in frame]:
        values = frame[name]
        text = values.map(lambda value: isinstance(value, str)).astype(bool)
        blank, column = is_blank(values), called(name, names)
        if name not in MAY_BE_EMPTY:
            yield f"{name} is empty{column}", blank, "text that is not blank", LEAVE_OUT
        yield f"{name} is not text{column}", ~text & ~blank, "text", "turn the column into text"
        if name in ("record_id", "owner"):
            control = text & values.map(lambda value: bool(CONTROL.search(str(value)))).astype(bool)
            remedy = (
                "rename them: an owner stands in one line of the ledger, an id in one line of a log"
            )
            what = f"{name} holds a line break, a tab, a NUL or another control character{column}"
            yield what, control, "printable text", remedy
    if "record_id" in frame:
        again = frame["record_id"].duplicated(keep=False) & ~is_blank(frame["record_id"])
        remedy = "make them unique, or name no record_id column: ids then come from the content"
        what = f"record ids stand more than once{called('record_id', names)}"
        yield what, again, "each id once", remedy
    if "label" in frame:
        yield from _label_rules(frame["label"], classes, called("label", names))
    if "split" in frame:
        unknown = ~frame["split"].isin(SPLITS) & ~is_blank(frame["split"])
        yield (
            f"unknown split{called('split', names)}",
            unknown,
            ", ".join(map(repr, SPLITS)),
            "map the raw names by `splits`",
        )


def is_blank(values):
    """(n,) whether a cell is missing, or nothing but white space."""
    return values.isna() | values.map(lambda value: not str(value).strip()).astype(bool)


def _label_rules(labels, classes: int | None, column: str) -> Iterator[tuple]:
    import pandas as pd

    text = labels.map(lambda label: isinstance(label, str)).astype(bool)
    numbers = pd.to_numeric(labels.mask(text), errors="coerce").astype(float)
    whole = numbers.mod(1) == 0
    allowed = f"whole numbers from 0 to {classes - 1}" if classes else "whole numbers from 0 on"
    yield f"label is missing{column}", labels.isna(), allowed, LEAVE_OUT
    yield (
        f"label is not a whole number{column}",
        labels.notna() & ~whole,
        allowed,
        "map the raw labels by `labels`",
    )
    outside = whole & ((numbers < 0) | (numbers >= (classes or float("inf"))))
    yield (
        f"label outside the range{column}",
        outside,
        allowed,
        "map the raw labels by `labels`, or raise `classes`",
    )


def name_rows(frame, bad) -> str:
    """``3 records: 'a' (posts.csv, row 7), ...``: how many, and the first five by id and place."""
    chosen = frame[bad]
    # a column of texts mapped as ids would otherwise show them
    texts = {
        text for name in TEXTS if name in frame for text in frame[name] if isinstance(text, str)
    }
    places = []
    for index, row in zip(chosen.index[:5], chosen.head(5).to_dict("records"), strict=True):
        name = row.get("record_id")
        place = f"{Path(index[0]).name}, row {index[1]}" if isinstance(index, tuple) else ""
        if isinstance(name, str) and name not in texts:
            places.append(f"{name[:60]!r}{f' ({place})' if place else ''}")
        else:
            places.append(place or f"row {index}")
    count = len(chosen)
    more = ", ..." if count > 5 else ""
    return f"{count} {'record' if count == 1 else 'records'}: {', '.join(places)}{more}"


def shown(values: Iterable, texts: Iterable = ()) -> str:
    """Up to five values for a message; what is long, has spaces, or is the text of a record is
    counted, never shown."""
    texts = set(texts)
    values = sorted({str(value) for value in values})
    named = [value for value in values if SHOWABLE.fullmatch(value) and value not in texts][:5]
    rest = len(values) - len(named)
    others = (
        [f"{rest} {'other' if named else 'different'} value{'s' if rest > 1 else ''}"]
        if rest
        else []
    )
    return ", ".join([*map(repr, named), *others])


def in_one_form(value: str) -> str:
    """A cell without what is hard to see: blanks at its ends, case, how a number is written
    ("1.0")."""
    folded = unicodedata.normalize("NFKC", value).strip(UNSEEN).casefold()
    return f"{float(folded):g}" if NUMBER.fullmatch(folded) else folded


def split_counts(frame) -> dict[str, int]:
    """Records by split, in the order of SPLITS; splits without records are left out."""
    counts = frame["split"].value_counts()
    return {name: int(counts[name]) for name in SPLITS if name in counts}
