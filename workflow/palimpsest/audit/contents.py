"""What a file says, whatever it is packed in: texts, runs of token ids, and the records that its
rows are about.

Nothing is executed or unpickled. What cannot be read is told (kind "unread"), never passed over.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import mmap
import pickletools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np

from palimpsest.audit import columns
from palimpsest.audit.pdf import pdf
from palimpsest.audit.texts import Said, Unread, ids, names, texts

LARGEST = 1 << 30  # bytes that are read at once: one file, or what it unpacks to
# bytes of a longer text that are read at once, and of what is read twice
CHUNK, OVERLAP = 1 << 26, 1 << 20
DEPTH = 5  # packings within packings
SAMPLE = 1 << 16  # bytes that tell what kind of file it is

PICTURES_AND_FONTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"wOFF", b"wOF2", b"OTTO")
CONTROLS = bytes({*range(32)} - {*b"\t\n\r\f\x1b\x1e"})
PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xf4]{16,}")
URI = re.compile(rb"data:[\w/+.;=%-]*?(;base64)?,([A-Za-z0-9+/=%_.~!*'()-]{16,})")
STRINGS = (
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "UNICODE",
    "STRING",
    "BINSTRING",
    "SHORT_BINSTRING",
)
WHOLE = ("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4")


def says(path: Path) -> tuple[str, Iterator[Said]]:
    """(SHA-256 of a file, everything that it says); a large one is not held in memory."""
    if path.stat().st_size <= LARGEST:
        data = path.read_bytes()
    else:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    digest = hashlib.sha256(data).hexdigest()
    return digest, said(data, digest)


def said(data: bytes | mmap.mmap, digest: str | None = None, depth: int = 0) -> Iterator[Said]:
    """Everything that these bytes say."""
    yield Said("digest", digest or hashlib.sha256(data).hexdigest())
    try:
        if depth > DEPTH:
            raise Unread(f"packed more than {DEPTH} times")
        yield from _kind(data, partial(said, depth=depth + 1))
    except Unread as error:
        yield Said("unread", str(error))


def _kind(data, inner) -> Iterator[Said]:
    import pyarrow as pa

    head, file = data[:512], pa.BufferReader(pa.py_buffer(data)) if data else None
    if packed := next((opened for magic, opened in PACKED.items() if head.startswith(magic)), None):
        yield from inner(_unpacked(packed, file))
    elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _zip(file, inner)
    elif head[257:262] == b"ustar":
        yield from _tar(file, inner)
    elif head.startswith(b"PAR1"):
        yield from columns.parquet(file, inner)
    elif head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        yield from columns.arrow(file, not head.startswith(b"ARROW1"), inner)
    elif head.startswith(b"\x93NUMPY"):
        yield from columns.numpy(file)
    elif head[8:9] == b"{" and len(data) > 9 and int.from_bytes(head[:8], "little") < len(data):
        yield from columns.safetensors(data)
    elif len(data) > LARGEST:
        yield from _long(file, inner)
    elif head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        yield from _pickle(io.BytesIO(data), inner)
    elif head.startswith(b"%PDF"):
        yield from pdf(data, inner)
        yield from texts(_printable(data))
    elif head.startswith(b"SQLite format 3\0"):
        yield from columns.sqlite(data, inner)
        yield from texts(_printable(data))
    elif head.startswith(PICTURES_AND_FONTS) or head[:4] + head[8:12] == b"RIFFWEBP":
        yield from texts(_printable(data))
    else:
        yield from _plain(data, inner)


# --- packings -------------------------------------------------------------------------------------


def _arrow_codec(name: str):
    import pyarrow as pa

    return lambda file: pa.CompressedInputStream(file, name)


PACKED = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _arrow_codec("zstd"),
    b"\x04\x22\x4d\x18": _arrow_codec("lz4"),
}


def _unpacked(opened, file) -> bytes:
    try:
        data = opened(file).read(LARGEST + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError):
        raise Unread("damaged, or not what it begins like") from None
    if len(data) > LARGEST:
        raise Unread(f"unpacks to more than {LARGEST >> 20} MiB")
    return data


def _zip(file, inner) -> Iterator[Said]:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                with archive.open(info) as member:
                    yield from inner(_unpacked(lambda opened: opened, member))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        raise Unread("a zip file that is damaged or locked") from None


def _tar(file, inner) -> Iterator[Said]:
    try:
        with tarfile.open(fileobj=file) as archive:
            for member in archive:
                if member.isfile():
                    yield from inner(_unpacked(archive.extractfile, member))
    except (tarfile.TarError, EOFError):
        raise Unread("a tar file that is damaged") from None


def _pickle(file, inner) -> Iterator[Said]:
    """Strings, bytes and whole numbers in the order in which a pickle names them; nothing is built
    from it."""
    strings, numbers, kept, last, start = [], [], {}, None, 0
    try:
        while start < len(file.getbuffer()):
            for code, value, _ in pickletools.genops(file):
                if code.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
                    kept[len(kept) if value is None else value] = last
                    continue
                last = kept.get(value) if code.name.endswith("GET") else value
                if isinstance(last, (bytes, bytearray)) and code.name not in STRINGS:
                    yield from inner(bytes(last))
                elif isinstance(last, str):
                    strings.append(last)
                elif code.name in WHOLE:
                    numbers.append(last)
            kept, start = {}, file.tell()
    except (ValueError, IndexError, KeyError, OverflowError):
        file.seek(start)
        yield from _unknown(file.read())
    yield from columns.column([*strings, *numbers])


# --- anything else --------------------------------------------------------------------------------


def _plain(data: bytes, inner) -> Iterator[Said]:
    """As text, as what it embeds, and as the printable parts of what is no text."""
    for match in URI.finditer(data):
        yield from (one for one in inner(_embedded(match)) if one.kind != "unread" or match[1])
    text = _decoded(data)
    if text is None:
        yield from _unknown(data)
        return
    yield from texts(text)
    yield from columns.written(text)
    if found := names(text):
        yield Said("names", found)


def _embedded(match: re.Match) -> bytes:
    packed = unquote_to_bytes(match[2])
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4)) if match[1] else packed
    except binascii.Error:
        return b""


def _decoded(data: bytes) -> str | None:
    """Bytes as the text that they are, or None; of old encodings of one byte a letter, the most
    common is taken."""
    if encoding := _wide(data[:SAMPLE]):
        return data.decode(encoding, errors="replace")
    if len(data) - len(data.translate(None, CONTROLS)) > len(data) / 100:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return (
            data.decode("utf-8", errors="replace")
            + "\n\n"
            + data.decode("cp1252", errors="replace")
        )


def _wide(sample: bytes) -> str | None:
    """The encoding of two or four bytes a letter of a text that begins so: by its mark, or since it
    reads well; None if there is none. Four bytes without a mark may as well be token ids."""
    if sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if sample.count(0) > len(sample) / 4:
        begin = sample[: len(sample) // 2 * 2]
        read = {name: begin.decode(name, errors="replace") for name in ("utf-16-le", "utf-16-be")}
        best = max(read, key=lambda name: sum(map(_plainly, read[name])))
        if sum(one.isprintable() or one.isspace() for one in read[best]) > 0.98 * len(read[best]):
            return best
    return None


def _plainly(letter: str) -> bool:
    return letter.isascii() and letter.isprintable()


def _printable(data: bytes) -> str:
    return b"\n".join(PRINTABLE.findall(data)).decode("utf-8", errors="replace")


def _unknown(data: bytes) -> Iterator[Said]:
    """What shows in it, and token ids if it is a row of them."""
    yield from texts(_printable(data))
    for size in (2, 4, 8):
        yield from ids(np.frombuffer(data[: len(data) // size * size], dtype=f"<u{size}"))
    yield Said("unread", "a kind of file that is not known")


def _long(file, inner) -> Iterator[Said]:
    """A long text in pieces: each begins with the first line, which may name columns, and with the
    end of the piece before."""
    sample = file.read(SAMPLE)
    if _decoded(sample) is None:
        raise Unread(f"more than {LARGEST >> 20} MiB, and no text")
    file.seek(0)
    wide = _wide(sample)
    decoder = codecs.getincrementaldecoder(wide)(errors="replace") if wide else None
    header, end = b"", b""
    while chunk := file.read(CHUNK):
        chunk = decoder.decode(chunk).encode() if decoder else chunk
        yield from _plain(header + end + chunk, inner)
        header = header or chunk[: chunk.find(b"\n", 0, 10_000) + 1]
        end = chunk[-OVERLAP:]
        # at a line's begin, if that leaves enough
        end = end[end.find(b"\n", 0, OVERLAP // 2) + 1 :]
