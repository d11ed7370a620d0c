"""Records as a table: the columns that every stage relies on, the checks before use, and what a
message may show."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from palimpsest.data.storage import LABELLED, MAY_BE_EMPTY, TEXTS, columns_of
from palimpsest.errors import Problem, UserError

SPLITS = ("train", "valid", "test", "holdout", "extra")
REQUIRED_SPLITS = ("train", "valid", "test")
# an owner stands in a line of the ledger, an id in logs: nothing that breaks a line or a column
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SHOWABLE = re.compile(r"[\w.+-]{1,24}")


def check_records(frame, *, where: str, classes: int, fields: Iterable[str] = LABELLED) -> None:
    """Raise one UserError with all that is wrong with a frame of records; ``where`` names where it
    came from."""
    problems = record_problems(frame, where=where, classes=classes, fields=fields)
    if problems:
        raise UserError(problems)


def record_problems(
    frame, *, where: str, classes: int | None = None, fields: Iterable[str] = LABELLED
) -> list[Problem]:
    """All that is wrong with a frame of records; labels may be any whole number from 0 on where
    ``classes`` is None.

    Rows are named by id, and by file and row where the index says them
    (:func:`read_table_records`), never by text.
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
    for what, bad, allowed, remedy in _rules(frame, classes):
        if bad.any():
            problems.append(Problem(what, where, name_rows(frame, bad), allowed, remedy))
    if "split" in frame:
        missing = [name for name in REQUIRED_SPLITS if not (frame["split"] == name).any()]
        if missing:
            found = (
                ", ".join(f"{count} {name}" for name, count in split_counts(frame).items())
                or "no known split"
            )
            remedy = "map the raw names by `splits`, or draw them by `split_shares`"
            what = f"no record is in split {' or '.join(missing)}"
            problems.append(
                Problem(
                    what, where, found, f"records in each of {', '.join(REQUIRED_SPLITS)}", remedy
                )
            )
    return problems


def _rules(frame, classes: int | None) -> Iterator[tuple]:
    """(what is wrong, mask of the rows (n,), what is allowed, the remedy) for each rule on single
    records."""
    for name in [name for name in ("record_id", "owner", *TEXTS, "split") if name in frame]:
        values = frame[name]
        text = values.map(lambda value: isinstance(value, str)).astype(bool)
        blank = _blank(values)
        if name not in MAY_BE_EMPTY:
            yield (
                f"{name} is empty",
                blank,
                "text that is not blank",
                "fill it in, or take the rows out",
            )
        yield f"{name} is not text", ~text & ~blank, "text", "turn the column into text"
        if name in ("record_id", "owner"):
            control = text & values.map(lambda value: bool(CONTROL.search(str(value)))).astype(bool)
            remedy = (
                "rename them: an owner stands in one line of the ledger, an id in one line of a log"
            )
            what = f"{name} holds a line break, a tab, a NUL or another control character"
            yield what, control, "printable text", remedy
    if "record_id" in frame:
        again = frame["record_id"].duplicated(keep=False) & ~_blank(frame["record_id"])
        remedy = "make them unique, or name no record_id column: ids then come from the content"
        yield "record ids stand more than once", again, "each id once", remedy
    if "label" in frame:
        yield from _label_rules(frame["label"], classes)
    if "split" in frame:
        unknown = ~frame["split"].isin(SPLITS) & ~_blank(frame["split"])
        yield (
            "unknown split",
            unknown,
            ", ".join(map(repr, SPLITS)),
            "map the raw names by `splits`",
        )


def _blank(values):
    return values.isna() | values.map(lambda value: not str(value).strip()).astype(bool)


def _label_rules(labels, classes: int | None) -> Iterator[tuple]:
    import pandas as pd

    text = labels.map(lambda label: isinstance(label, str)).astype(bool)
    numbers = pd.to_numeric(labels.mask(text), errors="coerce").astype(float)
    whole = numbers.mod(1) == 0
    allowed = f"whole numbers from 0 to {classes - 1}" if classes else "whole numbers from 0 on"
    yield "label is missing", labels.isna(), allowed, "fill it in, or take the rows out"
    yield (
        "label is not a whole number",
        labels.notna() & ~whole,
        allowed,
        "map the raw labels by `labels`",
    )
    outside = whole & ((numbers < 0) | (numbers >= (classes or float("inf"))))
    yield (
        "label outside the range",
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
        name, place = (
            row.get("record_id"),
            f"{Path(index[0]).name}, row {index[1]}" if isinstance(index, tuple) else "",
        )
        known = isinstance(name, str) and name not in texts
        places.append(
            f"{name[:60]!r}{f' ({place})' if place else ''}" if known else place or f"row {index}"
        )
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


def nearest(name: object, known: Iterable, *, cutoff: float = 0.6) -> str:
    """``did you mean 'x'?`` for the known name that is closest, or an empty string where none is
    close."""
    folded = {str(one).casefold(): str(one) for one in known}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=cutoff)
    if not close:
        return ""
    meant = folded[close[0]]
    # letters of two scripts, or of two forms, may look the same
    codes = "" if meant.isascii() else f", written {meant!a}"
    return f"did you mean {meant!r}{codes}?"


def split_counts(frame) -> dict[str, int]:
    """Records by split, in the order of SPLITS; splits without records are left out."""
    counts = frame["split"].value_counts()
    return {name: int(counts[name]) for name in SPLITS if name in counts}
