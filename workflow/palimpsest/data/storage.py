"""Tables on disk and what they hold: parquet files with equal bytes for equal content, and the digest of records."""

from __future__ import annotations

import hashlib
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import replacing

COLUMNS = ("record_id", "owner", "text", "label", "split")


def records_digest(frame) -> str:
    """SHA-256 of the records' content, hexadecimal.

    Depends on the values alone: not on the order of rows or of further columns, nor on how a file encodes them.
    Each field is preceded by its length, so that no two different tables join to the same bytes.
    """
    names = [*COLUMNS, *sorted(set(frame.columns) - set(COLUMNS))]
    ordered = frame.sort_values("record_id")
    digest = hashlib.sha256()
    for row in (names, *zip(*(ordered[name].tolist() for name in names), strict=True)):
        for value in row:
            field = str(value).encode()
            digest.update(b"%d:%b" % (len(field), field))
    return digest.hexdigest()


def write_parquet(frame, path: Path) -> None:
    """Write a frame (without its index), whole or not at all; equal frames give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # pandas' own metadata holds its version, which is no part of the content
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def read_parquet(path: Path):
    """The frame in a parquet file that a step of this workflow wrote; a UserError where it is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path).read().to_pandas()
    except FileNotFoundError:
        raise UserError(Problem("the table is missing", str(path), remedy="run the step that writes it")) from None
    except (pa.ArrowException, OSError) as error:
        remedy = "the file is damaged: remove it and run again"
        raise UserError(Problem("cannot be read as parquet", str(path), type(error).__name__, remedy=remedy)) from None
