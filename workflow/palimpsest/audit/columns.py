"""What tables say, column by column: a text or its tokens may stand one a row, beside scores and
numbers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

import numpy as np

from palimpsest.audit.passages import BREAK, SHORTEST
from palimpsest.audit.texts import NAMES, OVERLAP, ROW, SHORTEST_RUN, Said, Unread, ids, rows, texts

LARGEST = 1 << 30  # bytes of a column that is put together
PIECE = 1 << 26  # bytes of groups of rows that are put together
DTYPES = {
    f"{kind}{8 * size}": f"<{kind.lower()}{size}"
    for kind in "IUF"
    for size in (1, 2, 4, 8)
    if kind + str(size) != "F1"
}


def stacked(cells: Iterable[str]) -> str:
    """Cells below each other as one text, so that words that stand one a row are read on. No
    passage reaches from a cell that is a text of its own into the next: the end of one record and
    the beginning of another are nobody's.
    """
    return "\n".join(
        f"{BREAK}{cell}{BREAK}" if cell.count(" ") >= SHORTEST - 1 else cell for cell in cells
    )


def column(values: Iterable) -> Iterator[Said]:
    """What cells below each other say, as one text and as one run of ids, so that no cell is looked
    for by itself."""
    values = list(values)
    strings = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if type(value) in (int, float) and 0 <= value < 1 << 31]
    if strings:
        yield from texts(stacked(strings))
    if len(numbers) >= SHORTEST_RUN:
        yield from ids(numbers)


# --- as text --------------------------------------------------------------------------------------


def written(text: str) -> Iterator[Said]:
    """Columns of JSON, of JSON lines, and of rows cut by commas and the like."""
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
    """Values of each place of nested lists and dicts; the number of a row is no place."""
    found: dict[str, list] = {}
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
            found.setdefault(place, []).append(value)
    return list(found.values())


# --- parquet and arrow ----------------------------------------------------------------------------


def parquet(source, said: Callable) -> Iterator[Said]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source)
        for table in _pieces(map(file.read_row_group, range(file.num_row_groups))):
            yield from _columns(table, said)
        yield from texts(str(file.schema_arrow.metadata or ""))
    except (pa.ArrowException, OSError):
        raise Unread("a parquet file that is damaged") from None


def arrow(source, stream: bool, said: Callable) -> Iterator[Said]:
    import pyarrow as pa

    try:
        with (pa.ipc.open_stream if stream else pa.ipc.open_file)(source) as file:
            batches = file if stream else map(file.get_batch, range(file.num_record_batches))
            for table in _pieces(pa.Table.from_batches([batch]) for batch in batches):
                yield from _columns(table, said)
    except (pa.ArrowException, OSError):
        raise Unread("an arrow file that is damaged") from None


def _pieces(tables: Iterable) -> Iterator:
    """Groups of rows, put together while they are small. Each piece begins with the last rows of
    the one before it, so that words or ids that stand one a row are read on."""
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

    if isinstance(cells, pa.ChunkedArray):  # of a kind that cannot be put together
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
        yield from texts(stacked(values))
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


# --- arrays and data bases ------------------------------------------------------------------------


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


def safetensors(data) -> Iterator[Said]:
    """Names and notes of the tensors, and tensors of whole numbers; others say nothing."""
    length = int.from_bytes(data[:8], "little")
    try:
        entries = json.loads(data[8 : 8 + length])
        yield from texts(json.dumps(entries, ensure_ascii=False))
        for entry in entries.values():
            if kind := DTYPES.get(entry.get("dtype")):
                start, end = (8 + length + offset for offset in entry["data_offsets"])
                yield from ids(np.frombuffer(data[start:end], dtype=kind))
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Unread("a safetensors file that is damaged") from None


def sqlite(data: bytes, said: Callable) -> Iterator[Said]:
    """The tables of a data base, in memory; what was deleted from them is looked for in its
    bytes."""
    base = sqlite3.connect(":memory:")
    try:
        # these two bytes say that a log stands beside it
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
                yield from column(cells)
                for cell in cells:
                    yield from said(cell) if isinstance(cell, bytes) else ()
    except sqlite3.Error:
        raise Unread("a data base that is damaged") from None
    finally:
        base.close()
