"""Plain text for tokenizers and pretraining: lines of text files, cells of tables."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Set
from pathlib import Path

from palimpsest.data.tables import LINES, SEPARATORS, read_table, suffix_of
from palimpsest.errors import Problem, UserError

TABLES = (*SEPARATORS, ".json", *LINES)  # besides parquet, which is read a batch at a time


def lines(path: Path, columns: Set[str]) -> Iterator[str]:
    """The non-empty lines of a text file, which may be gzipped, or the texts of a table: its column
    is one of ``columns``; of parquet without such a one the first."""
    kind = suffix_of(path)
    if kind == ".parquet":
        yield from _batches(path, columns)
    elif kind in TABLES:
        yield from _cells(path, columns)
    else:
        opened = gzip.open if path.suffix.lower() == ".gz" else open
        try:
            with opened(path, "rt", encoding="utf-8") as file:
                yield from (line.strip() for line in file if line.strip())
        except UnicodeDecodeError as error:
            raise UserError(
                Problem("is not UTF-8", f"{path}, byte {error.start}", remedy="save it as UTF-8")
            ) from None


def _batches(path: Path, columns: Set[str]) -> Iterator[str]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches():
        names = [name for name in batch.schema.names if name in columns] or batch.schema.names[:1]
        yield from (text for text in batch.column(names[0]).to_pylist() if text and text.strip())


def _cells(path: Path, columns: Set[str]) -> Iterator[str]:
    frame = read_table(path, quotes=suffix_of(path) != ".tsv")  # as GLUE's are written
    names = [name for name in frame if name in columns]
    if not names:
        found = ", ".join(map(str, list(frame)[:8]))
        what, remedy = "nothing says which column is the text", "name it by `column` of the source"
        raise UserError(Problem(what, str(path), found, remedy=remedy))
    for text in frame[names[0]]:
        if not isinstance(text, str):
            what, remedy = "a cell of the corpus is no text", "name another `column`"
            raise UserError(Problem(what, f"{path}, {names[0]}", type(text).__name__, "", remedy))
        if text.strip():
            yield text.strip()
