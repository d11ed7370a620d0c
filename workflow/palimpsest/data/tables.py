"""Read users' tables strictly: csv, tsv, json, json lines, plain text and parquet, also gzipped."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter
from pathlib import Path

from palimpsest.data.records import SHOWABLE, called, name_rows
from palimpsest.errors import Problem, UserError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
LINES = (".jsonl", ".ndjson")  # of objects
SUFFIXES = (*SEPARATORS, ".json", *LINES, ".txt", ".parquet")
HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs: alone, no file can hold them
MAX_CELL = 2**31 - 1  # the csv module stops at 131,072 characters by default


def read_table(
    path: Path,
    *,
    encoding: str = "utf-8",
    quotes: bool = True,
    separator: str | None = None,
    header: bool = True,
    txt: str | None = None,
):
    """A table as a frame, rows in file order; every cell of csv and tsv is text, "NA" and the empty
    cell too.

    json is a list of objects, or one object a line as in jsonl; json and parquet keep their types.
    A BOM is dropped. Of csv and tsv, ``quotes`` says whether '"' encloses cells, ``separator`` what
    stands between them (a comma or a tab), ``header`` whether the first line names the columns; one
    without a name is called by its number, from 1. Of txt, ``txt`` says what is a record: each
    "line" that is not blank, or the whole "file"; the columns are text, file (its name without
    suffix) and folder (in which it lies). Raises UserError for a file that is missing, of another
    kind, not in ``encoding``, or malformed, with the line where it is known; no message holds a
    cell.
    """
    import pandas as pd

    path = Path(path)
    kind = suffix_of(path)
    if kind not in SUFFIXES or (kind == ".parquet" and path.suffix.lower() == ".gz"):
        allowed = ", ".join(SUFFIXES) + "; all but parquet also with .gz"
        remedy = "convert or rename the file, or choose the tables by a glob such as data/*.csv"
        raise UserError(
            Problem("not a kind of table", str(path), path.suffix or "no suffix", allowed, remedy)
        )
    if kind == ".txt" and txt is None:
        raise UserError(undecided(str(path)))
    data = read_bytes(path)
    if kind == ".parquet":
        frame = _parquet(data, path)
    elif kind in SEPARATORS:
        names, rows = _cells(
            decode(data, path, encoding), path, separator or SEPARATORS[kind], quotes, header
        )
        frame = pd.DataFrame(rows, columns=names, dtype=object)
    elif kind == ".txt":
        frame = _texts(decode(data, path, encoding), path, txt)
    else:
        frame = pd.DataFrame(
            _objects(decode(data, path, encoding), path, lines=kind in LINES), dtype=object
        )
    twice = [name for name, count in Counter(frame.columns).items() if count > 1]
    if twice:
        remedy = "rename them; if the file has no line of column names, set `header: false`"
        raise UserError(
            Problem(
                "column names stand twice", str(path), names_shown(twice), "each name once", remedy
            )
        )
    return frame


def suffix_of(path: Path) -> str:
    """The suffix of a file, without .gz."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()


def text_name(path: Path) -> str:
    """The name of a plain text file, without its suffix."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).stem


def undecided(where: str) -> Problem:
    what, allowed = "nothing says what is a record of a .txt file", "data.txt: line, or file"
    remedy = "set `txt: line` where each line is a record, `txt: file` where the whole file is one"
    return Problem(what, where, "no key data.txt", allowed, remedy)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unzipped where its name ends in .gz."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(
            Problem("not a whole gzip file", str(path), remedy="write or fetch it again")
        ) from None
    except OSError as error:
        remedy = "look whether it is there and may be read"
        raise UserError(
            Problem("cannot be read", str(path), error.strerror or "", remedy=remedy)
        ) from None


def decode(data: bytes, path: Path, encoding: str = "utf-8") -> str:
    """Bytes as text, without a BOM; a UserError names the first byte and line that are not in
    ``encoding``."""
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
        if encoding != "utf-8" and HALVES.search(text):
            raise UnicodeError
        return text
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        remedy = "save the file as UTF-8 (iconv -f latin1 -t utf-8), or name its `encoding`"
        raise UserError(
            Problem(f"not {encoding.upper()}", f"{path}, line {line}", found, encoding, remedy)
        ) from None
    except (LookupError, ValueError):  # UnicodeError is one: some codecs raise nothing more precise
        allowed, remedy = "such as utf-8, utf-16, latin-1, cp1252", "correct `data.encoding`"
        raise UserError(
            Problem("no encoding of this file", str(path), repr(encoding), allowed, remedy)
        ) from None


def parse_json(text: str, path: Path, *, line: int = 1):
    """The value of a JSON text that starts at ``line`` of its file; a UserError names the place
    where it is broken."""
    try:
        value = json.loads(text)
        # half of a surrogate pair is legal JSON, but no UTF-8 can hold it
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        place = f"{path}, line {line + error.lineno - 1}, column {error.colno}"
        remedy = "mend the file; a table is a list of objects, or one object a line"
        raise UserError(Problem("not valid JSON", place, error.msg, remedy=remedy)) from None
    except (UnicodeEncodeError, ValueError, RecursionError) as error:
        reasons = {
            UnicodeEncodeError: "half of a surrogate pair",
            ValueError: "a number of thousands of digits",
        }
        reason = reasons.get(type(error), "objects nested a thousand deep")
        raise UserError(
            Problem("JSON that is no table", f"{path}, line {line}", reason, remedy="mend it")
        ) from None
    return value


def _objects(text: str, path: Path, lines: bool) -> list[dict]:
    if lines or not text.lstrip().startswith("["):
        # not splitlines: a text may hold U+2028
        numbered = [
            (number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()
        ]
        rows = [
            (f"line {number}", parse_json(line, path, line=number)) for number, line in numbered
        ]
    else:
        rows = [(f"item {number}", item) for number, item in enumerate(parse_json(text, path), 1)]
    wrong = [place for place, row in rows if not isinstance(row, dict)]
    if wrong:
        remedy = "write each record as {column: value, ...}"
        raise UserError(
            Problem(
                "holds something that is not an object", str(path), _first(wrong), "objects", remedy
            )
        )
    return [row for _, row in rows]


def _cells(
    text: str, path: Path, separator: str, quotes: bool, header: bool
) -> tuple[list[str], list[list[str]]]:
    """(names of columns, rows) of a csv or tsv text; blank lines are no rows."""
    reader = rows_of(text, separator, quotes)
    width, rows, wrong, start = 0, [], [], 1
    try:
        for row in reader:
            width = width or len(row)
            if row and len(row) == width:
                rows.append(row)
            elif row:
                wrong.append(f"line {start} ({len(row)} cells)")
            start = reader.line_num + 1
    except csv.Error as error:
        remedy = "mend the quotes; if the file has none, and '\"' is only text, set `quotes: false`"
        raise UserError(
            Problem("malformed", f"{path}, line {start}", str(error), remedy=remedy)
        ) from None
    if not rows:
        remedy = "give a line of column names, then the rows"
        raise UserError(Problem("the file is empty", str(path), remedy=remedy))
    if wrong:
        first = "the header" if header else "the first"
        allowed = f"{width} cells in every row, as in {first}"
        remedy = "put cells that hold a delimiter or a line break in quotes"
        what = f"rows of another length than {first}"
        raise UserError(Problem(what, str(path), f"{len(wrong)}: {_first(wrong)}", allowed, remedy))
    return named(rows.pop(0)) if header else named([""] * width), rows


def rows_of(text: str, separator: str, quotes: bool):
    """A reader of csv."""
    csv.field_size_limit(MAX_CELL)
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)


def named(header: list[str]) -> list[str]:
    """Names of columns; one that has none is called by its number."""
    return [name if name.strip() else str(number) for number, name in enumerate(header, 1)]


def names_shown(names: list[str]) -> str:
    """Names of columns for a message. Without a header they are the first record, so what may be
    text is counted, not shown."""
    numbers = [name for number, name in enumerate(names, 1) if name == str(number)]
    some = [name for name in names if SHOWABLE.fullmatch(name) and not name[0].isdigit()]
    rest = len(names) - len(numbers) - len(some)
    parts = list(map(repr, some))
    if numbers:
        parts.append(f"{len(numbers)} called by number: {_first(numbers)}")
    if rest:
        parts.append(f"{rest} more that do not look like names")
    return ", ".join(parts) or "no columns"


def _texts(text: str, path: Path, txt: str):
    """The texts of a plain text file, and where it lies: who wrote them, or what they are, often
    stands there alone."""
    import pandas as pd

    # not splitlines: a text may hold U+2028
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    texts = [text.strip("\r\n")] if txt == "file" else [line for line in lines if line.strip()]
    rows = {"text": texts, "file": text_name(path), "folder": path.absolute().parent.name}
    return pd.DataFrame(rows, dtype=object)


def _parquet(data: bytes, path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read()
        table.validate(full=True)  # finds text that is not UTF-8
        # the metadata could turn a column into an index
        return table.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        remedy = "write or fetch it again; all text must be UTF-8"
        raise UserError(
            Problem("damaged, or not parquet", str(path), type(error).__name__, remedy=remedy)
        ) from None


def _first(places: list[str]) -> str:
    return ", ".join(places[:5]) + (", ..." if len(places) > 5 else "")


def as_text(frame, where: str, names: dict[str, str] | None = None):
    """Every cell as :func:`plain` text, or None where it is missing; a UserError for lists, objects
    and bytes. ``names``: columns as the file calls them, where these are other names."""
    import pandas as pd

    frame, problems = frame.astype(object), []
    for name in frame.columns:
        plain_values = frame[name].map(
            lambda value: pd.api.types.is_scalar(value) and not isinstance(value, bytes)
        )
        nested = ~plain_values.astype(bool)
        if nested.any():
            what = f"column {name!r} holds lists, objects or bytes{called(name, names)}"
            remedy = (
                "make it plain text or numbers, or name a field inside of it, as in `user.id`, or "
                "`messages.0.content` for the first of a list"
            )
            problems.append(Problem(what, where, name_rows(frame, nested), remedy=remedy))
    if problems:
        raise UserError(problems)
    return frame.map(plain)


def plain(value: object) -> str | None:
    """A single value as text, None where it is missing; 1 and 1.0 are "1", True is "true".

    So a label, a split or an id is the same text from csv, json and parquet, and as a key of a YAML
    mapping.
    """
    if isinstance(value, str):
        return value
    text = str(value)
    if text in ("None", "nan", "NaN", "NaT", "<NA>"):
        return None
    return text.lower() if text in ("True", "False") else re.sub(r"\.0$", "", text)
