"""What a file holds, whatever it is packed in: texts, runs of token ids, and the records that its
rows are about.

Nothing is executed or unpickled. What cannot be read is reported (kind "unread"), never skipped.
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
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np

from palimpsest.audit import columns
from palimpsest.audit.encodings import LARGEST, inflated, said_otherwise, wide
from palimpsest.audit.pdf import pdf
from palimpsest.audit.texts import Said, Unread, called, ids, names, texts

# bytes of a longer text that are read at once, and by which these pieces overlap
CHUNK, OVERLAP = 1 << 26, 1 << 20
DEPTH = 5  # archives within archives
SAMPLE = 1 << 16  # bytes from which the encoding of a text is found

PICTURES_AND_FONTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"wOFF", b"wOF2", b"OTTO")
CONTROLS = bytes({*range(32)} - {*b"\t\n\r\f\x1b\x1e"})
PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xf4]{16,}")
PRINTABLE_LE = re.compile(rb"(?:[\t\n\r\x20-\x7e\xa0-\xff]\0){16,}")
PRINTABLE_BE = re.compile(rb"(?:\0[\t\n\r\x20-\x7e\xa0-\xff]){16,}")
URI = re.compile(rb"data:[\w/+.;=%-]*?(;base64)?,([A-Za-z0-9+/=%_.~!*'()-]{16,})")
GZIP_NAME = re.compile(rb"\x1f\x8b\x08[\x08-\x0b].{6}([^\0]+)\0", re.DOTALL)
STREAM = re.compile(rb"\x1f\x8b\x08[\0-\x1f]|x[\x01\x5e\x9c\xda]")  # gzip, zlib
LOCKED = re.compile(
    rb"-----BEGIN (?:PGP MESSAGE|AGE ENCRYPTED FILE)-----|^\$ANSIBLE_VAULT;"
    rb"|\Aage-encryption\.org/|application/(?:x-)?pkcs7-mime",
    re.MULTILINE,
)
GIT = re.compile(rb"\A(?:blob|tree|commit|tag) \d+\0")  # how an object of git begins
OLDER = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "koi8_r"),
    *("mac_roman", "cp850", "cp037", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"),
)
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
    """(SHA-256 of a file, all that it holds); a large one is not read into memory."""
    if path.stat().st_size <= LARGEST:
        data = path.read_bytes()
    else:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    digest = hashlib.sha256(data).hexdigest()
    return digest, said(data, digest)


def said(data: bytes | mmap.mmap, digest: str | None = None, depth: int = 0) -> Iterator[Said]:
    """All that these bytes hold."""
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
        if named := GZIP_NAME.match(head):
            yield from _called([named[1].decode("latin-1")])
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
        yield from columns.safetensors(data, inner)
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
        yield from _png(data, inner)
        yield from _streams(data, inner)
    elif (stream := _zlib(data)) is not None:
        yield from inner(GIT.sub(b"", stream, count=1))
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


def _zlib(data: bytes) -> bytes | None:
    """What a zlib stream holds, as a git object is one; None where the bytes are none."""
    unpacked = inflated(data)
    if unpacked is not None and len(unpacked) > LARGEST:
        raise Unread(f"unpacks to more than {LARGEST >> 20} MiB")
    return unpacked


def _streams(data: bytes, inner) -> Iterator[Said]:
    """What is packed somewhere within other bytes: gzip, zlib, a whole zip file."""
    for match in STREAM.finditer(data):
        opened = zlib.decompressobj(47)  # with either header
        try:
            unpacked = opened.decompress(memoryview(data)[match.start() :], LARGEST)
        except zlib.error:
            continue
        if opened.eof and unpacked:
            yield from (one for one in inner(unpacked) if one.kind != "unread")
    if b"PK\x05\x06" in data and b"PK\x03\x04" in data:
        yield from _zip(io.BytesIO(data), inner)


def _png(data: bytes, inner) -> Iterator[Said]:
    """What is written into a PNG beside its picture: text, plain or packed."""
    at = 8
    while data.startswith(b"\x89PNG") and at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, _, rest = body.partition(b"\0")
            yield from texts(keyword.decode("latin-1"))
            packed = rest[rest.find(b"x") :] if kind != b"tEXt" and b"x" in rest else b""
            unpacked = _zlib(packed)
            yield from inner(rest if unpacked is None else unpacked)
        at += size + 12


def _zip(file, inner) -> Iterator[Said]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield from _called(info.filename for info in archive.infolist())
            yield from texts(archive.comment.decode(errors="replace"))
            for info in archive.infolist():
                yield from texts(info.comment.decode(errors="replace"))
                with archive.open(info) as member:
                    yield from inner(_unpacked(lambda opened: opened, member))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        raise Unread("a zip file that is damaged or locked") from None


def _called(paths: Iterable[str]) -> Iterator[Said]:
    """What the names of files and folders in an archive hold."""
    paths = list(paths)
    yield from texts("\n".join(paths))
    parts = {part for path in paths for part in path.split("/") if part}
    yield Said("names", set().union(*map(called, parts)))


def _tar(file, inner) -> Iterator[Said]:
    try:
        with tarfile.open(fileobj=file) as archive:
            for member in archive:
                yield from _called([member.name, member.linkname])
                if member.isfile():
                    yield from inner(_unpacked(archive.extractfile, member))
    except (tarfile.TarError, EOFError):
        raise Unread("a tar file that is damaged") from None


def _pickle(file, inner) -> Iterator[Said]:
    """Strings, bytes and whole numbers in the order of a pickle's opcodes; no object is built."""
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
        yield from _unknown(file.read(), inner)
    yield from columns.column([*strings, *numbers], inner)


def _old_pickle(data: bytes, inner) -> Iterator[Said] | None:
    """A pickle of the first protocols, which begin like any text; None where it is none."""
    if data[:1] not in (b"(", b"]", b"}", b"c", b"V", b"S") or not data.rstrip().endswith(b"."):
        return None
    try:
        for _ in pickletools.genops(data):
            pass
    except (ValueError, IndexError, KeyError, OverflowError):
        return None
    return _pickle(io.BytesIO(data), inner)


# --- anything else --------------------------------------------------------------------------------


def _plain(data: bytes, inner) -> Iterator[Said]:
    """As text, with embedded data: URIs unpacked; of other bytes the printable parts."""
    for match in URI.finditer(data):
        yield from (one for one in inner(_embedded(match)) if one.kind != "unread" or match[1])
    yield from said_otherwise(data, inner)
    if LOCKED.search(data):
        yield Said("unread", "an encrypted message")
    if (old := _old_pickle(data, inner)) is not None:
        yield from old
    text = _decoded(data)
    if text is None:
        yield from _unknown(data, inner)
        return
    yield from texts(text)
    yield from columns.written(text)
    if record_names := names(text):
        yield Said("names", record_names)


def _embedded(match: re.Match) -> bytes:
    packed = unquote_to_bytes(match[2])
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4)) if match[1] else packed
    except binascii.Error:
        return b""


def _decoded(data: bytes) -> str | None:
    """Bytes as text, or None where they are none; text that is not UTF-8 in every older encoding in
    which it could be written."""
    if encoding := wide(data[:SAMPLE]):
        return data.decode(encoding, errors="replace")
    if len(data) - len(data.translate(None, CONTROLS)) > len(data) / 100:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        readings = [data.decode("utf-8", errors="replace")]
        for encoding in OLDER:
            read = data.decode(encoding, errors="replace")
            if read.count("\ufffd") <= len(read) / 100:
                readings.append(read)
        return "\n\n".join(dict.fromkeys(readings))


def _printable(data: bytes) -> str:
    """The parts that can be printed, of one byte a letter or two. A byte that tells the length of a
    text may look like its first letter, so each part stands there without it, too."""
    parts = [part.decode(errors="replace") for part in PRINTABLE.findall(data)]
    parts += [part.decode("utf-16-le") for part in PRINTABLE_LE.findall(data)]
    parts += [part.decode("utf-16-be") for part in PRINTABLE_BE.findall(data)]
    return "\n".join([*parts, *(part.lstrip()[1:] for part in parts)])


def _unknown(data: bytes, inner) -> Iterator[Said]:
    """The printable parts, what is packed within, and the bytes as integers, which may be token
    ids."""
    yield from texts(_printable(data))
    yield from _streams(data, inner)
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
    encoding = wide(sample)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace") if encoding else None
    header, end = b"", b""
    while chunk := file.read(CHUNK):
        chunk = decoder.decode(chunk).encode() if decoder else chunk
        yield from _plain(header + end + chunk, inner)
        header = header or chunk[: chunk.find(b"\n", 0, 10_000) + 1]
        end = chunk[-OVERLAP:]
        # from the beginning of a line, if that leaves enough
        end = end[end.find(b"\n", 0, OVERLAP // 2) + 1 :]
