"""The text of a pdf: codes of a font, which the font's ToUnicode map turns into letters."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator

from palimpsest.audit.encodings import ascii85
from palimpsest.audit.texts import Said, Unread, texts

OBJECT = re.compile(rb"\b(\d+)\s+\d+\s+obj\b(.*?)endobj", re.DOTALL)
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\n?endstream", re.DOTALL)
NAMED = re.compile(rb"/([^\s/<>\[\]()]+)\s+(\d+)\s+\d+\s+R")
TOKEN = re.compile(
    rb"/(?P<font>[^\s/<>\[\]()]+)\s+[-\d.]+\s+Tf"
    rb"|\((?P<text>(?:[^\\()]|\\.|\((?:[^\\()]|\\.)*\))*)\)"
    rb"|<(?P<hex>[0-9A-Fa-f\s]*)>"
    rb"|(?P<gap>-\d+)(?:\.\d+)?(?=\s*[(<])|(?P<move>\b(?:Td|TD|Tm|ET)\b|T\*|'|\")",
    re.DOTALL,
)
FILTERS = re.compile(rb"/(?:Filter|F)\s*((?:/\w+\s*)|\[[^\]]*\])")
FILTER = re.compile(rb"/(\w+)")
UNREAD = re.compile(rb"/(LZW(?:Decode)?|RunLengthDecode|RL|Crypt)\b")
WIDE = re.compile(rb"\((\xfe\xff(?:[^\\()]|\\.)*)\)", re.DOTALL)
WIDE_HEX = re.compile(rb"<((?:FE\s*FF|fe\s*ff)(?:[0-9A-Fa-f]{2}|\s)*)>")
ESCAPED = re.compile(rb"\\([0-7]{1,3}|\r?\n|.)", re.DOTALL)
LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
BLANK = 180  # thousandths of the font size: a wider gap separates words
MOST = 8  # fonts of one name, on different pages, that are tried


def pdf(data: bytes, said: Callable) -> Iterator[Said]:
    if re.search(rb"/Encrypt\s+\d+\s+\d+\s+R", data):
        raise Unread("a pdf that is locked")
    objects, streams = _objects(data)
    fonts = {
        number: font
        for number, body in objects.items()
        if (font := _font(body, streams)) is not None
    }
    named: dict[bytes, list] = {}
    for body in objects.values():
        for name, number in NAMED.findall(body):
            if int(number) in fonts and fonts[int(number)] not in named.setdefault(name, []):
                named[name].append(fonts[int(number)])
    for number, stream in streams.items():
        if b"Tf" in stream and b"BT" in stream:
            for choice in range(min(MOST, max(map(len, named.values()), default=1))):
                chosen = {
                    name: choices[choice % len(choices)]
                    for name, choices in named.items()
                    if choices
                }
                # a move may start a new word, or go on with the same one in another font
                for blank in ("", " "):
                    yield from texts(_shown(stream, chosen, blank))
        if stream is not None and not objects[number].startswith(b"%"):
            yield from (one for one in said(stream) if one.kind != "unread")  # pictures and fonts
    for stream in STREAM.findall(data) if not objects else ():
        yield from (one for one in said(_inflated(stream)) if one.kind != "unread")
    yield from texts("\n".join(filter(None, map(_texts_beside, objects.values()))))
    if any(UNREAD.search(b"".join(FILTERS.findall(body))) for body in objects.values()):
        yield Said("unread", "a pdf with streams that are packed in a way that is not known")
    if any(font.get("unknown") for font in fonts.values()):
        yield Said("unread", "a pdf whose fonts do not say which letters they show")


def _objects(data: bytes) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """(number -> dictionary of the object, number -> its stream, decompressed); an object may be
    packed into the stream of another."""
    objects, streams = {}, {}
    for match in OBJECT.finditer(data):
        number, body = int(match[1]), match[2]
        held = STREAM.search(body)
        objects[number] = body[: held.start()] if held else body
        if held:
            streams[number] = _unpacked(held[1], objects[number])
    for number, stream in list(streams.items()):
        if re.search(rb"/Type\s*/ObjStm", objects[number]):
            first = int(re.search(rb"/First\s+(\d+)", objects[number])[1])
            places = list(map(int, stream[:first].split()))
            ends = [*places[3::2], len(stream) - first]
            for inner, start, end in zip(places[::2], places[1::2], ends, strict=False):
                objects[inner] = stream[first + start : first + end]
    return objects, streams


def _unpacked(stream: bytes, dictionary: bytes) -> bytes:
    """A stream without the filters that its dictionary names."""
    for name in FILTER.findall(b"".join(FILTERS.findall(dictionary))):
        if name in (b"ASCIIHexDecode", b"AHx"):
            digits = re.sub(rb"[^0-9A-Fa-f]", b"", stream.partition(b">")[0])
            stream = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
        elif name in (b"ASCII85Decode", b"A85"):
            stream = ascii85(re.sub(rb"\s|<~|~>.*", b"", stream, flags=re.DOTALL))
    return _inflated(stream)


def _texts_beside(dictionary: bytes) -> str:
    """Strings of a dictionary, such as a title, where they are UTF-16; others can be read as they
    stand."""
    raw = (ESCAPED.sub(_escaped, text) for text in WIDE.findall(dictionary))
    hexed = (
        bytes.fromhex(re.sub(rb"\s", b"", one).decode()) for one in WIDE_HEX.findall(dictionary)
    )
    return "\n".join(text.decode("utf-16", errors="replace") for text in (*raw, *hexed))


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream, 1 << 28)
    except zlib.error:
        return stream


def _font(body: bytes, streams: dict[int, bytes]) -> dict | None:
    """Code -> letters, and bytes of a code; None for an object that is no font."""
    if not re.search(rb"/Type\s*/Font\b", body):
        return None
    wide = bool(re.search(rb"/Type0\b", body))
    to_unicode = re.search(rb"/ToUnicode\s+(\d+)", body)
    letters = _letters(streams.get(int(to_unicode[1]), b"")) if to_unicode else {}
    return {"size": 2 if wide else 1, "letters": letters, "unknown": wide and not letters}


def _letters(cmap: bytes) -> dict[int, str]:
    letters = {}
    for lines in re.findall(rb"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for code, letter in re.findall(rb"<(\w+)>\s*<(\w+)>", lines):
            letters[int(code, 16)] = _utf16(letter)
    for lines in re.findall(rb"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for first, last, one, several in re.findall(
            rb"<(\w+)>\s*<(\w+)>\s*(?:<(\w+)>|\[(.*?)\])", lines, re.DOTALL
        ):
            codes = range(int(first, 16), min(int(last, 16), int(first, 16) + 0xFFFF) + 1)
            if one:
                letters |= {
                    code: chr(min(int(one, 16) + place, 0x10FFFF))
                    for place, code in enumerate(codes)
                }
            letters |= dict(zip(codes, map(_utf16, re.findall(rb"<(\w+)>", several)), strict=False))
    return letters


def _utf16(digits: bytes) -> str:
    return bytes.fromhex(digits.decode().zfill(4)).decode("utf-16-be", errors="replace")


def _shown(stream: bytes, fonts: dict[bytes, dict], blank: str) -> str:
    parts, font = [], {"size": 1, "letters": {}}
    for token in TOKEN.finditer(stream):
        if token["font"] is not None:
            font = fonts.get(token["font"], {"size": 1, "letters": {}})
        elif token["gap"]:
            parts.append(" " if int(token["gap"]) < -BLANK else "")
        elif token["move"]:
            parts.append("\n" if token["move"] == b"ET" else blank)
        else:
            codes = (
                bytes.fromhex(token["hex"].decode())
                if token["hex"] and len(b"".join(token["hex"].split())) % 2 == 0
                else b""
            )
            codes = codes or ESCAPED.sub(_escaped, token["text"] or b"")
            numbers = (
                int.from_bytes(codes[at : at + font["size"]], "big")
                for at in range(0, len(codes), font["size"])
            )
            parts.append("".join(font["letters"].get(number) or chr(number) for number in numbers))
    return "".join(parts)


def _escaped(match: re.Match) -> bytes:
    what = match[1]
    if what[:1].isdigit() and what < b"8":
        return bytes([int(what, 8) % 256])
    return b"" if b"\n" in what else LETTERS.get(what, what)
