"""The columns of users' tables that a study maps, keeps or asks about: where they are in a file,
and what to do where they are not."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from palimpsest.data.spans import SPANS
from palimpsest.data.storage import COLUMNS, TEXTS
from palimpsest.data.tables import (
    SEPARATORS,
    as_text,
    decode,
    named,
    names_shown,
    read_bytes,
    read_table,
    rows_of,
    suffix_of,
    text_name,
)
from palimpsest.errors import Problem, UserError, nearest

BETWEEN_TEXTS = "\n"  # what stands between the columns that one text is made of
SAMPLE = 20  # rows by which the separator of a file is told


def parts_of(column: str | list[str]) -> list[str]:
    """The columns that a field is mapped to: one, or several that make one text."""
    return column if isinstance(column, list) else [column]


def asked(column: str) -> str:
    """Under which name the rows hold a column that `data.drop.where` asks about, which may be
    mapped or kept, too."""
    return f"drop.where.{column}"


def names_in_file(mapped: dict) -> dict[str, str]:
    """Field -> its columns as the file calls them, for messages; without those of the same name."""
    return {
        field: ", ".join(map(repr, parts_of(column)))
        for field, column in mapped.items()
        if column != field
    }


def read_table_records(
    paths: Iterable[Path],
    mapped: dict,
    keep: Iterable[str] = (),
    where: Iterable[str] = (),
    **options,
):
    """Rows of all files: the mapped columns under their names in COLUMNS, and spans (spans.py),
    then the kept ones, then those of ``where`` as :func:`asked` names them. Values are as in the
    files; a text of several columns is plain text, its parts one below the other, empty ones left
    out.

    ``mapped``: some of record_id, owner, split and the fields of a track -> columns of the files;
    ``options`` go to :func:`read_table`. The index is (file, row from 1 without the header).
    Problems of all files are raised together.
    """
    import pandas as pd

    keep, where = list(keep), list(where)
    wanted = [
        *(
            (name, f"data.columns.{name}", mapped[name])
            for name in (*COLUMNS, SPANS)
            if name in mapped
        ),
        *((name, "data.keep", name) for name in keep),
        *((asked(name), "data.drop.where", name) for name in where),
    ]
    problems = list(_mapping_problems(mapped, keep))
    frames, paths = {}, list(dict.fromkeys(paths))
    if not paths:
        problems.append(
            Problem("there are no files to read", "data.sources", remedy="name at least one source")
        )
    for path in [] if problems else paths:
        try:
            frame = _chosen(read_table(path, **options), wanted, path, options)
        except UserError as error:
            separated = _separated_otherwise(path, wanted, options)
            problems += [separated] if separated else error.problems
            continue
        frame.index = pd.RangeIndex(1, len(frame) + 1)
        frames[str(path)] = frame
    if not problems:
        problems = list(_same_file_names(mapped, paths))
    if problems:
        raise UserError(problems)
    return pd.concat(frames)


def _chosen(frame, wanted: list[tuple], path: Path, options: dict):
    """The wanted columns of a file; a UserError for those that it lacks."""
    import pandas as pd

    found = {part: _column(frame, part) for _, _, column in wanted for part in parts_of(column)}
    missing = [part for part, cells in found.items() if cells is None]
    if missing:
        raise UserError(_missing(missing, wanted, frame, path, options))
    chosen = {
        name: found[column]
        if isinstance(column, str)
        else _joined(pd.DataFrame({part: found[part] for part in column}), str(path))
        for name, _, column in wanted
    }
    return pd.DataFrame(chosen, index=frame.index)


def _joined(parts, where: str):
    """(n,) the texts of several columns as one."""
    rows = as_text(parts, where).fillna("").itertuples(index=False, name=None)
    return [BETWEEN_TEXTS.join(part for part in row if part.strip()) for row in rows]


# --- fields inside of a column --------------------------------------------------------------------


def _column(frame, name: str):
    """(n,) a column, or the field `user.id` inside of the column `user`; None where no row has it.
    A column that is itself called `user.id` goes first."""
    import pandas as pd

    if name in frame:
        return frame[name]
    for head, rest in _halves(name):
        inside = [_inside(value, rest) for value in frame[head]] if head in frame else []
        if any(found for found, _ in inside):
            return pd.Series([value for _, value in inside], frame.index, dtype=object)
    return None


def _inside(value: object, name: str) -> tuple[bool, object]:
    """(whether it is there, the value of) a field of an object; those of a list are 0, 1, ..."""
    if hasattr(value, "tolist"):  # parquet gives arrays
        value = value.tolist()
    if isinstance(value, list):
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, dict):
        return False, None
    if name in value:
        return True, value[name]
    within = (_inside(value[head], rest) for head, rest in _halves(name) if head in value)
    return next((found for found in within if found[0]), (False, None))


def _halves(name: str) -> Iterator[tuple[str, str]]:
    """'a.b.c' -> ('a', 'b.c'), ('a.b', 'c'): a name may hold a point itself."""
    parts = name.split(".")
    for number in range(1, len(parts)):
        yield ".".join(parts[:number]), ".".join(parts[number:])


# --- what is wrong --------------------------------------------------------------------------------


def _mapping_problems(mapped: dict, keep: list[str]) -> Iterator[Problem]:
    """A text under another name would be shown in messages, or filed in certificates."""
    texts = {part: name for name in TEXTS if name in mapped for part in parts_of(mapped[name])}
    for name, column in mapped.items():
        if name not in TEXTS and column in texts:
            what, where = f"is the column of the {texts[column]}", f"data.columns.{name}"
            yield Problem(what, where, repr(column), remedy="name another column")
    for name in keep:
        if name in (*COLUMNS, SPANS) or name in texts:
            remedy = (
                "mapped columns stand in the records anyway; rename the column in the file if it "
                "is another one"
            )
            yield Problem("cannot be kept under this name", "data.keep", repr(name), remedy=remedy)


def _missing(
    missing: list[str], wanted: list[tuple], frame, path: Path, options: dict
) -> Iterator[Problem]:
    """What a file has instead of the columns that it lacks; the first says what else to try."""
    names = [str(column) for column in frame.columns]
    found, hint, unnamed = names_shown(names), "", ""
    numbers = f"by its number, 1 to {len(names)}"
    if suffix_of(path) in SEPARATORS and options.get("header", True):
        if set(names) & set(named([""] * len(names))):
            unnamed = ", one without a name by its number"
        hint = f"; without a line of column names set `header: false` and name each {numbers}"
    elif suffix_of(path) in SEPARATORS:
        found = f"{len(names)} columns without names"
        hint = f"; name each {numbers}, or take out `header: false`"
    for part in missing:
        keys = dict.fromkeys(key for _, key, column in wanted if part in parts_of(column))
        what = f"there is no column {part!r}, which {' and '.join(keys)} names"
        remedy = nearest(part, names) or f"name one that is there{unnamed}"
        yield Problem(what, str(path), found, remedy=remedy + hint)
        hint = ""


def _separated_otherwise(path: Path, wanted: list[tuple], options: dict) -> Problem | None:
    """Where a csv or tsv cannot be read as it is told to be, and can with another separator: the
    columns are there by it, or several are where there was one."""
    kind = suffix_of(path)
    if kind not in SEPARATORS:
        return None
    used = options.get("separator") or SEPARATORS[kind]
    try:
        text = decode(read_bytes(path), path, options.get("encoding", "utf-8"))
    except UserError:
        return None
    names = {part for _, _, column in wanted for part in parts_of(column)}
    headers = {one: _header(text, one, options) for one in (used, ";", "\t", "|", ",")}
    if names <= set(headers[used]):
        return None
    whole = len(_header(text, used, options, rows=1)) == 1
    for other, header in headers.items():
        if other != used and (names <= set(header) or (whole and len(header) > 1)):
            what = f"columns are separated by {other!r}, not by {used!r}"
            remedy = f"set `separator: {json.dumps(other)}`"
            return Problem(what, str(path), f"{len(header)} columns by {other!r}", remedy=remedy)
    return None


def _header(text: str, separator: str, options: dict, rows: int = SAMPLE) -> list[str]:
    """The names of columns of a csv or tsv text; none where its first rows differ in length."""
    cells = rows_of(text, separator, options.get("quotes", True))
    try:
        first = list(islice(filter(None, cells), rows))
    except csv.Error:
        return []
    if len({*map(len, first)}) != 1:
        return []
    return named(first[0] if options.get("header", True) else [""] * len(first[0]))


def _same_file_names(mapped: dict, paths: list[Path]) -> Iterator[Problem]:
    """Texts of one file name in several folders are of several people, or it is no name of one."""
    counts = Counter(text_name(path) for path in map(Path, paths) if suffix_of(path) == ".txt")
    twice = sorted(name for name, count in counts.items() if count > 1)
    if mapped.get("owner") == "file" and twice:
        what, remedy = "files of one name", "rename them, or map `owner: folder`"
        found = f"{len(twice)} names, the first {twice[0]!r}"
        yield Problem(what, "data.columns.owner", found, "a name for each owner", remedy)
