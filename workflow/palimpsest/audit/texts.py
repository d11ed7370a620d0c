"""What a text says: as it stands, without escapes and markup, put together from a tokenizer's
pieces, and what may be token ids in it."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SHORTEST_RUN = 3  # numbers in a row that may be token ids
LARGEST_ID = 1 << 22  # above any vocabulary
# numbers that are decoded at once, so that a text across two steps is seen whole
STEP, OVERLAP = 1 << 20, 1 << 12
NAMES = ("record_id", "owner")
ROW = "\x1e"  # parts rows of pieces of words; no word, so that whole words are read across it

ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
NUMBERS = re.compile(
    rf"\d{{1,7}}(?:\.0+)?(?:[\s,;\[\]]+\d{{1,7}}(?:\.0+)?\b){{{SHORTEST_RUN - 1},}}"
)
NAMED = re.compile(r'"(?:record_id|owner)"\s*:\s*"((?:[^"\\]|\\.)*)"')

# between the items of a list that was written down
BETWEEN = re.compile(r"""["']?(?:,\s*|\s+)["']?""")
SPECIAL = re.compile(rf"\W*(?:\[[A-Z]+\d*\]|<\|?/?[a-z_]+\|?>|{ROW})\W*")
BYTES = re.compile(r"(?:<0x[0-9A-F]{2}>)+")
_SELF = [*range(33, 127), *range(161, 173), *range(174, 256)]
_REST = [byte for byte in range(256) if byte not in _SELF]
# how byte-level BPE writes bytes that print badly
ALPHABET = {256 + place: chr(byte) for place, byte in enumerate(_REST)}


class Unread(Exception):
    """What could not be looked into, and why."""


@dataclass(frozen=True)
class Said:
    """One piece of what a file says.

    ``kind`` is text, tokens (a list of ids), names (record ids and owners), digest (SHA-256), or
    unread (why a part cannot be read).
    """

    kind: str
    value: str | list[int] | set[str]


def texts(text: str) -> Iterator[Said]:
    """A text in every way in which it may be read."""
    plain = unescaped(text) if "\\" in text else text
    yield Said("text", plain)
    if "&" in plain or "<" in plain:
        yield Said("text", html.unescape(re.sub(r"<[^<>]*>", " ", plain)))
    yield from _joined(plain)
    for match in NUMBERS.finditer(plain):
        yield from ids([int(float(number)) for number in re.findall(r"[\d.]+", match[0])])


def unescaped(text: str) -> str:
    """JSON's escapes undone; pairs of halves become one character."""
    text = ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", errors="replace")
    return (
        re.sub(r"\\([nrtbf])", "\n", text)
        .replace('\\"', '"')
        .replace("\\/", "/")
        .replace("\\\\", "\\")
    )


def _joined(text: str) -> Iterator[Said]:
    """Words put together where a tokenizer's pieces of them stand one after the other, in a list,
    in lines or between spaces."""
    if not any(mark in text for mark in ("##", "@@", "</w>", "\u2581", "\u0120")):
        return
    pieces = [" " if SPECIAL.fullmatch(piece) else piece for piece in BETWEEN.split(text)]
    if "##" in text or "@@" in text:
        yield Said("text", " ".join(pieces).replace(" ##", "").replace("@@ ", ""))
    whole = "".join(pieces)
    if "</w>" in text:
        yield Said("text", whole.replace("</w>", " "))
    if "\u2581" in text:  # SentencePiece
        yield Said("text", BYTES.sub(_bytes, whole.replace("\u2581", " ")))
    if "\u0120" in text:  # byte-level BPE
        yield Said(
            "text",
            whole.translate(ALPHABET).encode("latin-1", errors="replace").decode(errors="replace"),
        )


def _bytes(run: re.Match) -> str:
    return bytes.fromhex(run[0].replace("<0x", "").replace(">", "")).decode(errors="replace")


def ids(values) -> Iterator[Said]:
    """Numbers that may be token ids; whole ones may be kept as fractions, and others among them
    mark what is to be ignored."""
    array = np.asarray(values).ravel()
    if array.dtype.kind == "f":
        array = array[np.isfinite(array)]
        if (array[:STEP] % 1).any():
            return
    elif array.dtype.kind not in "iu":
        return
    array = array[(array >= 0) & (array < LARGEST_ID)]
    for start in range(0, len(array), STEP):
        yield Said("tokens", array[start : start + STEP + OVERLAP].astype(np.int64).tolist())


# --- tables that are written as text --------------------------------------------------------------


def names(text: str) -> set[str]:
    """Record ids and owners that a text names as such, as JSON or below a header."""
    return {unescaped(name) for name in NAMED.findall(text)} | _below_header(text)


def _below_header(text: str) -> set[str]:
    """Values of the columns `record_id` and `owner`, where a text begins with a header that has
    them."""
    header = text[: text.find("\n")].strip("\r\ufeff") if "\n" in text else ""
    separator = next((one for one in "\t;" if one in header), ",")
    columns = [
        position
        for position, name in enumerate(header.split(separator))
        if name.strip('"') in NAMES
    ]
    if not columns or len(header) > 10_000:
        return set()
    return {
        row[position]
        for row in _cut(text, separator)
        for position in columns
        if position < len(row)
    }


def rows(text: str) -> list[list[str]]:
    """The rows of a text that is cut into at least two columns all the way, by commas, tabs,
    semicolons, bars or spaces; else none."""
    for separator in ",\t;| ":
        begin = _cut(text[:20_000], separator)[:20][: None if len(text) < 20_000 else -1]
        widths = [len(row) for row in begin]
        if (
            len(begin) >= SHORTEST_RUN
            and (width := max(set(widths), key=widths.count)) > 1
            and widths.count(width) > 0.8 * len(widths)
        ):
            return _cut(text, separator)
    return []


def _cut(text: str, separator: str) -> list[list[str]]:
    if separator == " ":
        return [line.split() for line in text.splitlines() if line.strip()]
    try:
        return [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]
    except csv.Error:
        return [line.split(separator) for line in text.splitlines() if line]
