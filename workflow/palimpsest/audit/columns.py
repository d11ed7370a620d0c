"""Read tables column by column: a text or its tokens may be stored one a row, beside scores and
numbers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

import numpy as np

from palimpsest.audit.encodings import said_otherwise
from palimpsest.audit.passages import BREAK, SHORTEST
from palimpsest.audit.texts import (
    NAMES,
    OVERLAP,
    ROW,
    SHORTEST_RUN,
    Said,
    Unread,
    ids,
    rows,
    texts,
    whole,
)

LARGEST = 1 << 30  # bytes of a column whose chunks are joined
PIECE = 1 << 26  # bytes of row groups that are joined
DTYPES = {
    f"{kind}{8 * size}": f"<{kind.lower()}{size}"
    for kind in "IUF"
    for size in (1, 2, 4, 8)
    if kind + str(size) != "F1"
}


def stacked(cells: Iterable[str]) -> str:
    """The cells of a column as one text, so that words stored one a row are read in sequence. No
    passage reaches from a cell that is a whole text into the next: the end of one record with the
    beginning of another is nobody's text.
    """
    return "\n".join(
        f"{BREAK}{cell}{BREAK}" if cell.count(" ") >= SHORTEST - 1 else cell for cell in cells
    )


def pieces(cells: list[str]) -> str:
    """Cells that are pieces of one text, each with the blank before or after it, as a model or a
    stream gives them; "" where they are not."""
    short = [cell if cell.count(" ") < SHORTEST - 1 else f"{BREAK}{cell}{BREAK}" for cell in cells]
    blank = any(cell != cell.strip() for cell in short if BREAK not in cell)
    return "".join(short) if blank else ""


def strings(cells: list[str], said: Callable | None = None) -> Iterator[Said]:
    """The cells of a column of strings; ``said``: of bytes, for what is encoded in a cell."""
    yield from texts(stacked(cells))
    if some := whole(cells):
        yield Said("names", some)
    if joined := pieces(cells):
        yield from texts(joined)
    if said:
        yield from said_otherwise("\x1e".join(cells).encode(errors="replace"), said)


def column(values: Iterable, said: Callable | None = None) -> Iterator[Said]:
    """The cells of a column as one text and as one run of ids, so that they are searched
    together."""
    values = list(values)
    cells = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if type(value) in (int, float) and 0 <= value < 1 << 31]
    if cells:
        yield from strings(cells, said)
    if some := whole(str(value) for value in values if type(value) is int):
        yield Said("names", some)
    if len(numbers) >= SHORTEST_RUN:
        yield from ids(numbers)


# --- as text --------------------------------------------------------------------------------------


def written(text: str) -> Iterator[Said]:
    """Columns of JSON, of JSON lines, and of rows that are cut by commas or other separators."""
    parsed = _parsed(text)
    for cells in _tree(parsed) if parsed else zip_longest(*rows(text), fillvalue=""):
        yield from column(cells)


def _parsed(text: str) -> list:
    if text.lstrip()[:1] not in ("{", "["):
        return []
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        return []


def _tree(value) -> list[list]:
    """Values of nested lists and dicts by their path of keys; numbers of rows are not part of
    it."""
    by_path: dict[str, list] = {}
    waiting = [("", value)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [
                (place if key.isdigit() else f"{place}\n{key}", one)
                for key, one in reversed(value.items())
            ]
        elif isinstance(value, list):
            waiting += [(place, one) for one in reversed([*value, ROW])]
        else:
            by_path.setdefault(place, []).append(value)
    return list(by_path.values())


# --- parquet and arrow ----------------------------------------------------------------------------


def parquet(source, said: Callable) -> Iterator[Said]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source)
        for table in _pieces(map(file.read_row_group, range(file.num_row_groups))):
            yield from _columns(table, said)
        yield from _schema(file.schema_arrow, said)
    except (pa.ArrowException, OSError):
        raise Unread("a parquet file that is damaged") from None


def arrow(source, stream: bool, said: Callable) -> Iterator[Said]:
    import pyarrow as pa

    try:
        with (pa.ipc.open_stream if stream else pa.ipc.open_file)(source) as file:
            yield from _schema(file.schema, said)
            batches = file if stream else map(file.get_batch, range(file.num_record_batches))
            for table in _pieces(pa.Table.from_batches([batch]) for batch in batches):
                yield from _columns(table, said)
    except (pa.ArrowException, OSError):
        raise Unread("an arrow file that is damaged") from None


def _schema(schema, said: Callable) -> Iterator[Said]:
    """The names of the columns, and what is written beside a table."""
    yield from texts("\n".join(schema.names))
    fields = (field.metadata for field in schema)
    for metadata in filter(None, (schema.metadata, *fields)):
        for name, value in metadata.items():
            yield from texts(name.decode(errors="replace"))
            yield from said(value)


def _pieces(tables: Iterable) -> Iterator:
    """Row groups, joined while they are small. Each piece begins with the last rows of the one
    before it, so that words or ids stored one a row are read in sequence."""
    import pyarrow as pa

    held, size = [], 0
    for table in tables:
        if size >= PIECE:
            whole = pa.concat_tables(held)
            yield whole
            held = [whole.slice(max(len(whole) - OVERLAP, len(whole) // 2))]
            size = held[0].nbytes
        held.append(table)
        size += table.nbytes
    if held:
        yield pa.concat_tables(held)


def _columns(table, said: Callable) -> Iterator[Said]:
    for name, cells in zip(table.column_names, table.columns, strict=True):
        for chunk in [cells.combine_chunks()] if cells.nbytes < LARGEST else cells.chunks:
            yield from _values(name, chunk, said)


def _values(name: str, cells, said: Callable) -> Iterator[Said]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as of

    if isinstance(cells, pa.ChunkedArray):  # of a type whose chunks cannot be joined
        for chunk in cells.chunks:
            yield from _values(name, chunk, said)
        return
    cells = cells.storage if isinstance(cells, pa.ExtensionArray) else cells
    cells = cells.dictionary_decode() if of.is_dictionary(cells.type) else cells
    cells = pc.run_end_decode(cells) if of.is_run_end_encoded(cells.type) else cells
    kind = cells.type
    if of.is_struct(kind):
        for field, inner in zip(kind, cells.flatten(), strict=True):
            yield from _values(field.name, inner, said)
    elif of.is_map(kind):
        for inner in (cells.keys, cells.items):
            yield from _values("", inner, said)
    elif of.is_union(kind):
        for number in range(kind.num_fields):
            yield from _values("", cells.field(number), said)
    elif of.is_nested(kind):
        if _is_text(kind.value_type):
            yield from texts(
                "\n".join("\n".join([*filter(None, row), ROW]) for row in cells.to_pylist() if row)
            )
        else:
            yield from _values("", cells.flatten(), said)
    elif _is_text(kind):
        values = [value for value in cells.to_pylist() if value is not None]
        if name in NAMES:
            yield Said("names", set(values))
        yield from strings(values, said)
    elif of.is_integer(kind) or of.is_floating(kind):
        if name in NAMES:
            yield Said("names", set(map(str, cells.drop_null().to_pylist())))
        yield from ids(cells.drop_null().to_numpy(zero_copy_only=False))
    elif (
        of.is_binary(kind)
        or of.is_large_binary(kind)
        or of.is_binary_view(kind)
        or of.is_fixed_size_binary(kind)
    ):
        for value in cells.to_pylist():
            yield from said(value or b"")
    elif not (
        of.is_null(kind) or of.is_boolean(kind) or of.is_temporal(kind) or of.is_decimal(kind)
    ):
        yield Said("unread", f"a column of the type {kind}")


def _is_text(kind) -> bool:
    import pyarrow.types as of

    return of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind)


# --- arrays and databases -------------------------------------------------------------------------


def numpy(file) -> Iterator[Said]:
    try:
        array = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError):
        raise Unread("a numpy file that is damaged or holds objects") from None
    for part in [array[name] for name in array.dtype.names] if array.dtype.names else [array]:
        if part.dtype.kind in "US":
            yield from texts(
                stacked(
                    one.decode(errors="replace") if isinstance(one, bytes) else one
                    for one in part.ravel().tolist()
                )
            )
        yield from ids(part)


def safetensors(data, said: Callable) -> Iterator[Said]:
    """Names and metadata of the tensors, and tensors of integers; floats hold no text."""
    length = int.from_bytes(data[:8], "little")
    try:
        entries = json.loads(data[8 : 8 + length])
        yield from said(json.dumps(entries, ensure_ascii=False).encode())
        ends = [entry["data_offsets"][1] for entry in entries.values() if "data_offsets" in entry]
        yield from said(bytes(data[8 + length + max(ends, default=0) :]))
        for entry in entries.values():
            if kind := DTYPES.get(entry.get("dtype")):
                start, end = (8 + length + offset for offset in entry["data_offsets"])
                yield from ids(np.frombuffer(data[start:end], dtype=kind))
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Unread("a safetensors file that is damaged") from None


def sqlite(data: bytes, said: Callable) -> Iterator[Said]:
    """The tables of a database, in memory; deleted rows are searched for in its bytes instead."""
    base = sqlite3.connect(":memory:")
    try:
        # these two bytes would say that it has a write-ahead log beside it
        base.deserialize(data[:18] + b"\1\1" + data[20:])
        for (name,) in base.execute(
            "select name from sqlite_master where type = 'table'"
        ).fetchall():
            cursor = base.execute('select * from "{}"'.format(name.replace('"', '""')))
            for (title, *_), cells in zip(
                cursor.description, zip(*cursor, strict=True), strict=False
            ):
                if title in NAMES:
                    yield Said("names", {str(cell) for cell in cells})
                yield from column(cells, said)
                for cell in cells:
                    yield from said(cell) if isinstance(cell, bytes) else ()
    except sqlite3.Error:
        raise Unread("a database that is damaged") from None
    finally:
        base.close()
