"""Plain text for tokenizers and pretraining: lines of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from palimpsest.errors import Problem, UserError


def lines(path: Path, columns: set[str]) -> Iterator[str]:
    """The non-empty lines of a text file, or the texts of a parquet file (its column is one of
    ``columns``)."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches():
            names = [name for name in batch.schema.names if name in columns] or batch.schema.names[
                :1
            ]
            yield from (
                text for text in batch.column(names[0]).to_pylist() if text and text.strip()
            )
        return
    try:
        with open(path, encoding="utf-8") as file:
            yield from (line.strip() for line in file if line.strip())
    except UnicodeDecodeError as error:
        raise UserError(
            Problem("is not UTF-8", f"{path}, byte {error.start}", remedy="save it as UTF-8")
        ) from None
