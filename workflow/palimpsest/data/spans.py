"""Spans of a text that are sensitive, such as names: where they begin and end, as a column of the
records.

In a table a cell is a list, or its JSON text, of pairs [start, end] or of objects with the keys
`start` and `end`, or `start_position` and `end_position`; nothing where there is no span. Both
count from 0 and the end is left out: characters, or words between white space. In the records they
are pairs of characters, in order, as JSON text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Literal

from palimpsest.data.blanks import BLANK
from palimpsest.errors import Problem, UserError

SPANS = "spans"
KEYS = (("start", "end"), ("start_position", "end_position"))
Span = tuple[int, int]


def read_spans(cell: object) -> list[Span]:
    """The spans of a cell of the records, or of a table, as they stand there; ValueError where it
    has none of the forms."""
    if hasattr(cell, "tolist"):  # parquet gives arrays
        cell = cell.tolist()
    if cell is None or cell != cell or (isinstance(cell, str) and not cell.strip()):
        return []
    listed = json.loads(cell) if isinstance(cell, str) else cell
    if not isinstance(listed, (list, tuple)):
        raise ValueError("not a list")
    return [_pair(one) for one in listed]


def _pair(one: object) -> Span:
    if hasattr(one, "tolist"):
        one = one.tolist()
    if isinstance(one, dict):
        one = next(([one[a], one[b]] for a, b in KEYS if a in one and b in one), None)
    if not isinstance(one, (list, tuple)) or len(one) != 2 or {*map(type, one)} != {int}:
        raise ValueError("not two whole numbers")
    return one[0], one[1]


def in_characters(spans: list[Span], text: str, unit: Literal["characters", "words"]) -> list[Span]:
    """The same in characters, in order, those that meet or overlap as one. ValueError where one is
    empty or outside of the text."""
    words = [found.span() for found in re.finditer(r"\S+", text)] if unit == "words" else []
    size, joined = len(words) if unit == "words" else len(text), []
    for start, end in sorted(spans):
        if not 0 <= start < end <= size:
            raise ValueError("empty, or outside of the text")
        if unit == "words":
            start, end = words[start][0], words[end - 1][1]
        if joined and start <= joined[-1][1]:
            start, end = joined[-1][0], max(end, joined.pop()[1])
        joined.append((start, end))
    return joined


def with_spans(frame, text: str, unit: Literal["characters", "words"], where: str):
    """Rows of a table whose column of spans is as the records have it; ``text`` is the column that
    they are of. One UserError for all rows that are wrong, none of which is shown."""
    problems = list(_problems(frame, text, unit, where))
    if problems:
        raise UserError(problems)
    pairs = zip(frame[SPANS], frame[text], strict=True)
    return frame.assign(
        spans=[
            json.dumps(in_characters(read_spans(cell), one if isinstance(one, str) else "", unit))
            for cell, one in pairs
        ]
    )


def blanked(frame):
    """Rows of a table for masked models, with the columns prompt and completion in place of a text
    and its spans: the longest span, the first of equal ones, is what stands in the blank. A text
    without spans stays whole."""
    prompts, completions = [], []
    for cell, text in zip(frame[SPANS], frame["completion"], strict=True):
        start, end = max(json.loads(cell), key=lambda span: span[1] - span[0], default=(None, None))
        prompts.append("" if start is None else f"{text[:start]}{BLANK}{text[end:]}")
        completions.append(text if start is None else text[start:end])
    return frame.drop(columns=SPANS).assign(prompt=prompts, completion=completions)


def _problems(frame, text: str, unit: str, where: str) -> Iterator[Problem]:
    import numpy as np

    from palimpsest.data.records import name_rows

    malformed, outside = np.zeros((2, len(frame)), dtype=bool)
    for row, (cell, one) in enumerate(zip(frame[SPANS], frame[text], strict=True)):
        try:
            spans = read_spans(cell)
        except ValueError:
            malformed[row] = True
            continue
        try:
            in_characters(spans, one if isinstance(one, str) else "", unit)
        except ValueError:
            outside[row] = True
    where = f"{where}, data.columns.{SPANS}"
    if malformed.any():
        allowed = (
            "a list of [start, end], or of objects with start and end, or start_position and "
            "end_position"
        )
        found, remedy = name_rows(frame, malformed), "correct them; no cell is no span"
        yield Problem("spans of another form", where, found, allowed, remedy)
    if outside.any():
        allowed = f"0 <= start < end <= the {unit} of the {text}"
        remedy = "correct them; the end is left out, and `data.span_unit` says what is counted"
        found = name_rows(frame, outside)
        yield Problem(f"a span is empty or outside of its {text}", where, found, allowed, remedy)
