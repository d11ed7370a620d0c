"""Tables on disk: parquet files that are equal for equal content and carry their own digest, and
the digest of records."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import REMEDY, replacing

LABELLED = ("text", "label")  # fields of a record that has a label
TEXTS = ("text", "prompt", "completion")
MAY_BE_EMPTY = ("prompt",)  # plain text has none
# of all tracks; any other column is one that the study keeps
COLUMNS = ("record_id", "owner", *TEXTS, "label", "split")


def columns_of(fields: Iterable[str]) -> tuple[str, ...]:
    """The columns that every record of a track with these fields has."""
    return ("record_id", "owner", *fields, "split")


def whole_texts(frame):
    """(n,) the text of each record, of any track."""
    import pandas as pd

    texts = pd.Series([""] * len(frame), index=frame.index, dtype=str)
    for name in TEXTS:
        if name in frame:
            texts = (texts + " " + frame[name]).str.strip()
    return texts


SEAL, BLANK = b"sha256:", b"0" * 64


def records_digest(frame) -> str:
    """SHA-256 of the records' content, hexadecimal.

    Depends on the values alone: not on the order of rows or of further columns, nor on how a file
    encodes them. Each field is preceded by its length, so that no two different tables join to the
    same bytes.
    """
    names = [
        *(name for name in COLUMNS if name in frame),
        *sorted(set(frame.columns) - set(COLUMNS)),
    ]
    ordered = frame.sort_values("record_id")
    digest = hashlib.sha256()
    for row in (names, *zip(*(ordered[name].tolist() for name in names), strict=True)):
        for value in row:
            field = str(value).encode()
            digest.update(b"%d:%b" % (len(field), field))
    return digest.hexdigest()


def write_parquet(frame, path: Path) -> None:
    """Write a frame (without its index), whole or not at all; equal frames give equal bytes.

    The file carries its own digest: SHA-256 of all its bytes, with the 64 digits of the digest
    itself taken as zeros. It stands in the footer's metadata, so that any parquet reader can read
    the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # pandas' own metadata holds its version, which is no part of the content
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with replacing(path) as beside:
        with pq.ParquetWriter(beside, table.schema, compression="zstd") as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({"digest": (SEAL + BLANK).decode()})
        with open(beside, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
            _, place = _sealed(data)
            file.seek(place)
            file.write(_seal(data, place))


def read_parquet(path: Path):
    """The frame in a parquet file that a step of this workflow wrote; a UserError where it is
    missing or is not what was written.

    The digest is verified before anything is parsed: on damaged bytes a parquet reader may do worse
    than fail.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    problem = damage(path)
    if problem:
        raise UserError(problem)
    try:
        return pq.ParquetFile(path).read().to_pandas()
    except pa.ArrowException as error:
        raise UserError(
            Problem("cannot be read as parquet", str(path), type(error).__name__, remedy=REMEDY)
        ) from None


def damage(path: Path) -> Problem | None:
    """What is wrong with the bytes of a file that ``write_parquet`` wrote, or None; reads it once,
    a piece at a time."""
    if not Path(path).is_file():
        return Problem("the table is missing", str(path), remedy="run the step that writes it")
    if Path(path).stat().st_size == 0:
        return Problem("the table is damaged", str(path), "an empty file", remedy=REMEDY)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        digest, place = _sealed(data)
        if not place:
            return Problem(
                "the table is damaged, or no step of this workflow wrote it",
                str(path),
                "no digest",
                remedy=REMEDY,
            )
        if digest != _seal(data, place):
            return Problem(
                "the table is damaged", str(path), "other bytes than its digest says", remedy=REMEDY
            )
    return None


def _sealed(data: mmap.mmap) -> tuple[bytes, int]:
    """(digest, its place) of a file; place 0 where there is none. The last one counts: a record's
    text may look like another."""
    place = data.rfind(SEAL) + len(SEAL)
    return (b"", 0) if place < len(SEAL) else (data[place : place + len(BLANK)], place)


def _seal(data: mmap.mmap, place: int) -> bytes:
    digest = hashlib.sha256()
    view = memoryview(data)  # no copies
    for part in (view[:place], BLANK, view[place + len(BLANK) :]):
        digest.update(part)
    return digest.hexdigest().encode()
