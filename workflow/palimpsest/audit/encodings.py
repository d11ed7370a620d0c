"""Bytes that stand in a text in another alphabet (base64, as in mail and inside JSON, hex and the
like), and whether bytes are a text at all."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Callable, Iterator

SHORTEST = 16  # bytes: fewer hold no passage
LARGEST = 1 << 30  # bytes that are read at once
WORTH_A_WORD = 1 << 10  # bytes of base64 that cannot be read and are told

# Lines may be broken, and quoted in mail; base64 may be that of addresses, with - and _.
LINE = rb"(?:(?:\\r)?\\n|\r?\n)[> \t]{0,8}"
BASE64 = re.compile(
    rb"[A-Za-z0-9+/_-]{12,}(?:(?:%s)[A-Za-z0-9+/_-]{2,})*(?:(?:%s)?={1,2})?" % (LINE, LINE)
)
BASE32 = re.compile(rb"(?:[A-Z2-7]{8}){3,}[A-Z2-7]{0,7}")
ASCII85 = re.compile(rb"<~([!-uz\s]{16,})~>")
HEX = re.compile(rb"(?:(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[,;]\s{0,9}|[\s:-])?){%d,}" % SHORTEST)
DUMP = re.compile(rb"^[0-9a-fA-F]{4,16}:?[ \t]+((?:(?:[0-9a-fA-F]{2}){1,4} {1,2}){1,32})", re.M)
UU = re.compile(rb"^begin \d{3,4} .*\n((?:.{0,61}\n)+?)end", re.M)

PACKED = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
KINDS = (
    *(b"PK\x03\x04", b"%PDF", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff", b"\x93NUMPY"),
    *(b"SQLite format 3\0", b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"wOF2", b"RIFF"),
)


def decoded(data: bytes) -> Iterator[bytes]:
    """What runs of other alphabets stand for. Much that is neither looks like them: whoever reads
    the result must expect nonsense."""
    for match in BASE64.finditer(data):
        letters = re.sub(rb"\\[rn]|[^A-Za-z0-9+/_-]", b"", match[0])
        letters = letters.translate(bytes.maketrans(b"-_", b"+/"))
        # A last group of one letter stands for nothing.
        whole = letters[: len(letters) - (len(letters) % 4 == 1)]
        yield base64.b64decode(whole + b"=" * (-len(whole) % 4))
    for match in HEX.finditer(data):
        digits = re.sub(rb"0x|\\x|[^0-9A-Fa-f]", b"", match[0])
        yield bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    if dump := DUMP.findall(data):  # its lines are numbered
        yield bytes.fromhex(re.sub(rb"\s", b"", b"".join(dump)).decode())
    for match in BASE32.finditer(data):
        whole = match[0][: len(match[0]) // 8 * 8]
        rest = match[0][len(whole) :]
        yield base64.b32decode(
            whole + (rest + b"=" * 8)[:8] if len(rest) in (2, 4, 5, 7) else whole
        )
    for match in ASCII85.finditer(data):
        yield ascii85(match[1])
    for match in UU.finditer(data):
        yield b"".join(map(_uu, match[1].splitlines()))


def ascii85(letters: bytes) -> bytes:
    try:
        return base64.a85decode(letters)
    except ValueError:
        return b""


def _uu(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return b""


def said_otherwise(data: bytes, inner: Callable) -> Iterator:
    """All that the runs of other alphabets in ``data`` hold."""
    for stood_for in decoded(data):
        yield from _if_readable(stood_for, inner)


def _if_readable(data: bytes, inner: Callable) -> Iterator:
    """Bytes that may be nonsense: what they hold where they are text or packed, else nothing."""
    if data.startswith(KINDS):
        yield from inner(data)
    elif data.startswith(PACKED) or inflated(data) is not None:
        yield from (one for one in inner(data) if one.kind != "unread")
    elif len(data) >= SHORTEST and is_text(data):
        yield from inner(data)
    elif (stream := inflated(data, raw=True)) is not None and is_text(stream):
        yield from inner(stream)


def inflated(data: bytes, raw: bool = False) -> bytes | None:
    """What a zlib stream holds (raw: one without its header); None where the bytes are none."""
    if not raw and (data[:1] != b"x" or int.from_bytes(data[:2], "big") % 31):
        return None
    opened = zlib.decompressobj(-15 if raw else 15)
    try:
        unpacked = opened.decompress(data, LARGEST + 1)
    except zlib.error:
        return None
    return unpacked if opened.eof or len(unpacked) > LARGEST else None


def is_text(data: bytes) -> bool:
    """Whether bytes are a text: all of them, or nine tenths, as where a word that only looks like
    base64 follows it."""
    try:
        text = data.decode(wide(data) or "utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        return sum(map(_plainly, text)) >= 0.9 * len(text)
    return all(letter.isprintable() or letter.isspace() for letter in text)


def wide(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 where a text has its byte-order mark, or is printable as UTF-16; else None.
    Four bytes a letter without a mark may as well be token ids."""
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
    return letter.isascii() and (letter.isprintable() or letter in "\n\r\t")
