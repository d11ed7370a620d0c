"""Tables as users have them: csv, tsv, json, json lines and parquet, also gzipped, read
strictly."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from palimpsest.data.records import SHOWABLE, name_rows, nearest
from palimpsest.data.storage import COLUMNS
from palimpsest.errors import Problem, UserError

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs: no file can hold them alone
MAX_CELL = 2**31 - 1  # the csv module stops at 131,072 characters by default


def read_table(path: Path, *, encoding: str = "utf-8", quotes: bool = True):
    """A table as a frame, rows in file order; every cell of csv and tsv is text, "NA" and the empty
    cell too.

    json is a list of objects, or one object a line as in jsonl; json and parquet keep their types.
    A BOM is dropped. ``quotes`` says whether '"' encloses cells in csv and tsv. Raises UserError
    for a file that is missing, of another kind, not in ``encoding``, or malformed, with the line
    where it is known; no message holds a cell.
    """
    import pandas as pd

    path = Path(path)
    zipped = path.suffix.lower() == ".gz"
    kind = (path.with_suffix("") if zipped else path).suffix.lower()
    if kind not in SUFFIXES or (zipped and kind == ".parquet"):
        allowed = ", ".join(SUFFIXES) + "; all but parquet also with .gz"
        remedy = "convert or rename the file, or choose the tables by a glob such as data/*.csv"
        raise UserError(
            Problem("not a kind of table", str(path), path.suffix or "no suffix", allowed, remedy)
        )
    data = read_bytes(path)
    if kind == ".parquet":
        frame = _parquet(data, path)
    elif kind in (".csv", ".tsv"):
        header, rows = _cells(
            decode(data, path, encoding), path, "," if kind == ".csv" else "\t", quotes
        )
        frame = pd.DataFrame(rows, columns=header, dtype=object)
    else:
        frame = pd.DataFrame(
            _objects(decode(data, path, encoding), path, lines=kind == ".jsonl"), dtype=object
        )
    twice = [name for name, count in Counter(frame.columns).items() if count > 1]
    if twice:
        remedy = "rename them; if the file has no line of column names, add one"
        raise UserError(
            Problem(
                "column names stand twice", str(path), _columns(twice), "each name once", remedy
            )
        )
    return frame


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
    text: str, path: Path, delimiter: str, quotes: bool
) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of a csv or tsv text; blank lines are no rows."""
    csv.field_size_limit(MAX_CELL)
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True
    )
    header, rows, wrong, start = None, [], [], 1
    try:
        for row in reader:
            if row and header is None:
                header = row
            elif row and len(row) == len(header):
                rows.append(row)
            elif row:
                wrong.append(f"line {start} ({len(row)} cells)")
            start = reader.line_num + 1
    except csv.Error as error:
        remedy = "mend the quotes; if the file has none, and '\"' is only text, set `quotes: false`"
        raise UserError(
            Problem("malformed", f"{path}, line {start}", str(error), remedy=remedy)
        ) from None
    if header is None:
        raise UserError(
            Problem(
                "the file is empty", str(path), remedy="give a line of column names, then the rows"
            )
        )
    if wrong:
        allowed = f"{len(header)} cells in every row, as in the header"
        remedy = "put cells that hold a delimiter or a line break in quotes"
        what = "rows of another length than the header"
        raise UserError(Problem(what, str(path), f"{len(wrong)}: {_first(wrong)}", allowed, remedy))
    return header, rows


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


def read_table_records(paths: Iterable[Path], columns: dict, keep: Iterable[str] = (), **options):
    """Rows of all files: the mapped columns under their names in COLUMNS, then the kept ones,
    values as in the files.

    ``columns`` maps some of record_id, owner, split and the fields of a track to columns of the
    files; ``options`` go to :func:`read_table`. The index is (file, row from 1 without the header).
    Problems of all files are raised together.
    """
    import pandas as pd

    wanted = {name: columns[name] for name in COLUMNS if columns.get(name) is not None} | {
        name: name for name in keep
    }
    problems = list(_mapping_problems(columns, list(keep)))
    frames, paths = {}, list(dict.fromkeys(paths))
    if not paths:
        problems.append(
            Problem("there are no files to read", "data.sources", remedy="name at least one source")
        )
    for path in [] if problems else paths:
        try:
            frame = read_table(path, **options)
        except UserError as error:
            problems += error.problems
            continue
        problems += [
            _missing(name, frame, path)
            for name in dict.fromkeys(wanted.values())
            if name not in frame
        ]
        frame.index = pd.RangeIndex(1, len(frame) + 1)
        frames[str(path)] = frame
    if problems:
        raise UserError(problems)
    for path, frame in frames.items():
        frames[path] = pd.DataFrame({name: frame[column] for name, column in wanted.items()})
    return pd.concat(frames)


def _mapping_problems(columns: dict, keep: list[str]):
    for name, column in columns.items():
        if name != "text" and column == columns.get("text"):
            where = f"data.columns.{name}"
            yield Problem(
                "is the column of the text", where, repr(column), remedy="name another column"
            )
    for name in keep:
        if name in COLUMNS or name == columns.get("text"):
            remedy = (
                "mapped columns stand in the records anyway; rename the column in the file if it "
                "is another one"
            )
            yield Problem("cannot be kept under this name", "data.keep", repr(name), remedy=remedy)


def _missing(name: str, frame, path: Path) -> Problem:
    names = [str(column) for column in frame.columns]
    remedy = (
        nearest(name, names)
        or "map it to one of these by `columns`; if the file has no line of column names, add one"
    )
    return Problem(f"there is no column {name!r}", str(path), _columns(names), remedy=remedy)


def _columns(names: list[str]) -> str:
    """Names of columns for a message; without a header the first record stands where they should,
    so what may be text is counted."""
    named = [repr(name) for name in names if SHOWABLE.fullmatch(name) and not name[0].isdigit()]
    rest = len(names) - len(named)
    return (
        ", ".join([*named, *([f"{rest} more that do not look like names"] if rest else [])])
        or "no columns"
    )


def as_text(frame, where: str):
    """Every cell as :func:`plain` text, or None where it is missing; a UserError for lists, objects
    and bytes."""
    import pandas as pd

    frame, problems = frame.astype(object), []
    for name in frame.columns:
        plain_values = frame[name].map(
            lambda value: pd.api.types.is_scalar(value) and not isinstance(value, bytes)
        )
        nested = ~plain_values.astype(bool)
        if nested.any():
            what = f"column {name!r} holds lists, objects or bytes"
            remedy = "make it plain text or numbers"
            problems.append(Problem(what, where, name_rows(frame, nested), remedy=remedy))
    if problems:
        raise UserError(problems)
    return frame.map(plain)


def plain(value: object) -> str | None:
    """A single value as text, None where it is missing; 1 and 1.0 are "1", True is "true".

    So a label, a split or an id reads the same from csv, json and parquet, and as a key of a YAML
    mapping.
    """
    if isinstance(value, str):
        return value
    text = str(value)
    if text in ("None", "nan", "NaN", "NaT", "<NA>"):
        return None
    return text.lower() if text in ("True", "False") else re.sub(r"\.0$", "", text)
