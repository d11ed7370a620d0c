"""What a file says, whatever it is packed in: texts, runs of token ids, and the records that its rows are about.

Nothing is executed or unpickled. What cannot be read is told (``Unread``), never passed over.
"""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import hashlib
import html
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

LARGEST = 1 << 30  # bytes of one file, or of what one file unpacks to
DEPTH = 5  # packings within packings
SHORTEST_RUN = 3  # numbers in a row that may be token ids
PACKED = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ\x00": lzma.decompress}
NAMES = ("record_id", "owner")

ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
NUMBERS = re.compile(rf"\d{{1,7}}(?:[\s,;\[\]]+\d{{1,7}}){{{SHORTEST_RUN - 1},}}")
PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xf4]{16,}")
URI = re.compile(rb"data:[\w/+.;=%-]*?(;base64)?,([A-Za-z0-9+/=%_.~!*'()-]{16,})")
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
NAMED = re.compile(r'"(?:record_id|owner)"\s*:\s*"((?:[^"\\]|\\.)*)"')


class Unread(Exception):
    """A file that could not be looked into, and why."""


@dataclass(frozen=True)
class Said:
    """One piece of what a file says: ``kind`` is text, tokens (a list of ids), names (record ids and owners), or digest (SHA-256)."""

    kind: str
    value: str | list[int] | set[str]


def said(data: bytes, depth: int = 0) -> Iterator[Said]:
    """Everything that these bytes say."""
    if len(data) > LARGEST:
        raise Unread(f"more than {LARGEST >> 20} MiB")
    if depth > DEPTH:
        raise Unread(f"packed more than {DEPTH} times")
    yield Said("digest", hashlib.sha256(data).hexdigest())
    for magic, unpack in PACKED.items():
        if data.startswith(magic):
            yield from said(_unpacked(unpack, data), depth + 1)
            return
    if data.startswith(b"PK\x03\x04"):
        yield from _zip(data, depth)
    elif data.startswith(b"PAR1"):
        yield from _parquet(data)
    elif data.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        yield from _arrow(data)
    elif data.startswith(b"\x93NUMPY"):
        yield from _numpy(data)
    elif len(data) > 9 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") < len(data):
        yield from _safetensors(data)
    else:
        yield from _plain(data, depth)


def _unpacked(unpack, data: bytes) -> bytes:
    try:
        return unpack(data)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError):
        raise Unread("damaged, or not what it begins like") from None


def _zip(data: bytes, depth: int) -> Iterator[Said]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST:
                raise Unread(f"unpacks to more than {LARGEST >> 20} MiB")
            for info in archive.infolist():
                yield from said(archive.read(info), depth + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error):
        raise Unread("a zip file that is damaged or locked") from None


# --- tables -------------------------------------------------------------------------------------------------------


def _parquet(data: bytes) -> Iterator[Said]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        for number in range(file.num_row_groups):
            yield from _columns(file.read_row_group(number))
        yield from _plain(str(file.schema_arrow.metadata or "").encode(), DEPTH)
    except (pa.ArrowException, OSError):
        raise Unread("a parquet file that is damaged") from None


def _arrow(data: bytes) -> Iterator[Said]:
    import pyarrow as pa

    opened = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
    try:
        with opened(pa.BufferReader(data)) as file:
            yield from _columns(file.read_all())
    except (pa.ArrowException, OSError):
        raise Unread("an arrow file that is damaged") from None


def _columns(table) -> Iterator[Said]:
    """What each column says; one text a column, so that a cell is never looked for by itself."""
    for name in table.column_names:
        column = table[name].combine_chunks()
        if name in NAMES:
            yield Said("names", {str(value) for value in column.unique().to_pylist()})
        yield from _values(column)


def _values(column) -> Iterator[Said]:
    import pyarrow.types as of

    if of.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if of.is_struct(kind):
        for field in column.flatten():
            yield from _values(field)
    elif of.is_list(kind) or of.is_large_list(kind) or of.is_fixed_size_list(kind):
        yield from _values(column.flatten())
    elif of.is_integer(kind):
        yield Said("tokens", [value for value in column.to_pylist() if value is not None])
    elif of.is_string(kind) or of.is_large_string(kind):
        yield from _texts("\n".join(value for value in column.to_pylist() if value is not None))
    elif of.is_binary(kind) or of.is_large_binary(kind):
        for value in column.to_pylist():
            yield from said(value or b"", 1)


def _numpy(data: bytes) -> Iterator[Said]:
    import numpy as np

    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError):
        raise Unread("a numpy file that is damaged or holds objects") from None
    if array.dtype.kind in "iu":
        yield Said("tokens", array.ravel().tolist())
    elif array.dtype.kind in "US":
        yield from _texts("\n".join(map(str, array.ravel().tolist())))


def _safetensors(data: bytes) -> Iterator[Said]:
    """Names and notes of the tensors, and tensors of integers; numbers of other kinds say nothing."""
    import json

    import numpy as np

    length = int.from_bytes(data[:8], "little")
    try:
        entries = json.loads(data[8 : 8 + length])
        yield from _texts(json.dumps(entries, ensure_ascii=False))
        for entry in entries.values():
            kind = {"I64": "<i8", "I32": "<i4", "I16": "<i2", "U8": "u1"}.get(entry.get("dtype"))
            if kind:
                start, end = (8 + length + offset for offset in entry["data_offsets"])
                yield Said("tokens", np.frombuffer(data[start:end], dtype=kind).tolist())
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Unread("a safetensors file that is damaged") from None


# --- texts --------------------------------------------------------------------------------------------------------


def _plain(data: bytes, depth: int) -> Iterator[Said]:
    """Anything else: as text, as what it embeds, and as the printable parts of what is no text."""
    for match in URI.finditer(data):
        packed = unquote_to_bytes(match[2])
        if match[1]:
            packed = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=False) if len(packed) % 4 != 1 else b""
        yield from said(packed, depth + 1)
    for match in STREAM.finditer(data) if data.startswith(b"%PDF") else ():
        try:
            yield from said(zlib.decompress(match[1]), depth + 1)
        except zlib.error:
            pass  # a stream that is packed in another way: a picture or a font
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        if b"\x00" in data[:4096]:
            data = b"\n".join(PRINTABLE.findall(data))
        text = data.decode("utf-8", errors="replace")
    yield from _texts(text)
    names = {_unescaped(name) for name in NAMED.findall(text)} | _csv_names(text)
    if names:
        yield Said("names", names)


def _texts(text: str) -> Iterator[Said]:
    """A text as it stands and without its markup, and what may be token ids in it."""
    plain = _unescaped(text) if "\\" in text else text
    yield Said("text", plain)
    if "&" in plain or "<" in plain:
        yield Said("text", html.unescape(re.sub(r"<[^<>]*>", " ", plain)))
    for match in NUMBERS.finditer(plain):
        yield Said("tokens", [int(number) for number in re.findall(r"\d+", match[0])])


def _unescaped(text: str) -> str:
    """JSON's escapes undone; pairs of halves become one character."""
    text = ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", errors="replace")
    return re.sub(r"\\([nrtbf])", "\n", text).replace('\\"', '"').replace("\\/", "/").replace("\\\\", "\\")


def _csv_names(text: str) -> set[str]:
    """Values of the columns `record_id` and `owner`, where a text begins with a header that has them."""
    header = text[: text.find("\n")].strip("\r\ufeff") if "\n" in text else ""
    separator = "\t" if "\t" in header else ","
    columns = [position for position, name in enumerate(header.split(separator)) if name.strip('"') in NAMES]
    if not columns or len(header) > 10_000:
        return set()
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error:
        rows = [line.split(separator) for line in text.splitlines()]
    return {row[position] for row in rows for position in columns if position < len(row)}
