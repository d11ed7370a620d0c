"""The readings of a text: as it is, without escapes and markup, joined from a tokenizer's pieces,
and the numbers in it that may be token ids."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from palimpsest.audit.encodings import SHORTEST
from palimpsest.audit.readings import readings, unescaped

SHORTEST_RUN = 3  # numbers in a row that may be token ids
BLANK = 32
LARGEST_ID = 1 << 22  # above any vocabulary
# numbers that are decoded at once; steps overlap, so that a passage across two is seen whole
STEP, OVERLAP = 1 << 20, 1 << 12
NAMES = ("record_id", "owner")
# separates rows of word pieces; not a word, so that passages of whole words go across it
ROW = "\x1e"

TOKEN, DIGIT = re.compile(r"[\w.:@+-]{3,}"), re.compile(r"\d")
NUMBER = re.compile(r"[+-]?[\d.:]+(?:e[+-]?\d+)?", re.IGNORECASE)
LONG_NUMBER = re.compile(r"\+?\d{6,}")  # shorter ones are counts, years and measures
EDGES = ".:-+@"
PART, MAIL = re.compile(r"[^\W_]+"), re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
DECIMALS = re.compile(r"(?<=\d\.)\d+")
SHORTEST_NAME, LONGEST_NAME, MOST_PARTS, MOST_WORDS = 3, 100, 6, 4
# bounded: each capital of a picture in base64 would else be tried up to its end
WORD = rf"[^\W\d_a-z][\w'\u2019-]{{0,{LONGEST_NAME}}}"
CAPITALS = re.compile(rf"{WORD}(?:[ \u00a0\n]{WORD})+")
NUMBERS = re.compile(
    rf"\d{{1,7}}(?:\.0+)?(?:[\s,;\[\]]+\d{{1,7}}(?:\.0+)?\b){{{SHORTEST_RUN - 1},}}"
)
NAMED = re.compile(r'"(?:record_id|owner)"\s*:\s*"((?:[^"\\]|\\.)*)"')

# between the items of a list that is written as text
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
    """One piece of what a file holds.

    ``kind`` is text, tokens (a list of ids), names (record ids and owners), digest (SHA-256), or
    unread (why a part cannot be read).
    """

    kind: str
    value: str | list[int] | set[str]


def texts(text: str) -> Iterator[Said]:
    """A text in all its readings."""
    plain = unescaped(text) if "\\" in text else text
    yield Said("text", plain)
    for reading in readings(text):
        if reading != plain:
            yield Said("text", reading)
    yield from _joined(plain)
    for match in NUMBERS.finditer(plain):
        yield from ids([int(float(number)) for number in re.findall(r"[\d.]+", match[0])])


def _joined(text: str) -> Iterator[Said]:
    """Words joined where a tokenizer's pieces of them follow each other, in a list, in lines or
    between spaces."""
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
    """Numbers that may be token ids; they may be stored as floats, and those outside the range of
    ids mark positions to be ignored."""
    array = np.asarray(values).ravel()
    if array.dtype.kind == "f":
        array = array[np.isfinite(array)]
        if (array[:STEP] % 1).any():
            return
    elif array.dtype.kind not in "iu":
        return
    array = array[(array >= 0) & (array < LARGEST_ID)]
    for start in range(0, len(array), STEP):
        step = array[start : start + STEP + OVERLAP].astype(np.int64)
        yield Said("tokens", step.tolist())
        if len(step) >= SHORTEST and (letters := _letters(step)):
            yield from texts(letters)


def _letters(numbers: np.ndarray) -> str:
    """Numbers as a text, where they may be its bytes or its letters: one in twenty is a blank."""
    if (numbers == BLANK).sum() * 20 < len(numbers):
        return ""
    if (numbers < 256).all():
        return numbers.astype(np.uint8).tobytes().decode(errors="replace")
    return numbers.astype("<u4").tobytes().decode("utf-32-le", errors="replace")


# --- tables that are written as text --------------------------------------------------------------


def names(text: str) -> set[str]:
    """Record ids and owners that a text names as such, as JSON or below a header."""
    return {unescaped(name) for name in NAMED.findall(text)} | _below_header(text)


def mentioned(text: str) -> set[str]:
    """What of a text may be the name of an owner or of a record: words with a letter and a digit,
    addresses of mail, numbers of six digits or more, their parts (u017 in 'user_u017.txt'), and
    two or three words in a row that begin with capitals. Others, as '17' or 'ann', are words of
    any text."""
    found = set()
    for token in set(TOKEN.findall(text)):
        if "@" in token or DIGIT.search(token):
            found |= _parts(token)
    for run in set(CAPITALS.findall(text)):
        found |= _rows_of(run.split())
    return found


def whole(cells: Iterable[str]) -> set[str]:
    """Cells that may be a name as they are: of two to four words, or such as ``mentioned`` finds
    in a text."""
    stripped = {cell.strip() for cell in set(cells) if len(cell) <= LONGEST_NAME}
    return {
        cell
        for cell in stripped
        if 0 < cell.count(" ") < MOST_WORDS or " " not in cell and _like_id(cell)
    }


def called(name: str) -> set[str]:
    """The name of a file or folder, and without its suffixes."""
    return {name, name.partition(".")[0], name.rpartition(".")[0]} - {""}


def _like_id(word: str) -> bool:
    if NUMBER.fullmatch(word):
        return bool(LONG_NUMBER.fullmatch(word))
    return len(word) >= SHORTEST_NAME and ("@" in word or bool(DIGIT.search(word)))


@lru_cache(1 << 15)  # most come in many files
def _parts(token: str) -> set[str]:
    """A word, and what stands in it between marks: up to ``MOST_PARTS`` neighbours together."""
    bare = token.strip(EDGES)
    if NUMBER.fullmatch(bare):
        plain = token.rstrip(EDGES).lstrip(".:-@")
        return {one for one in (plain, bare) if LONG_NUMBER.fullmatch(one)}
    # without the mark, each letter of a picture in base64 would be tried as the start of an address
    found = {token, bare, *(MAIL.findall(token) if "@" in token else ())}
    parts = [match.span() for match in PART.finditer(token)]
    for at, (start, _) in enumerate(parts):
        signed = start - (token[start - 1 : start] == "+")  # of a telephone number
        for _, end in parts[at : at + MOST_PARTS]:
            found |= {token[start:end], token[signed:end]}
    # not what follows the point of a number, as in loss:0.123456
    return {one for one in found if _like_id(one)} - set(DECIMALS.findall(token))


def _rows_of(words: list[str]) -> set[str]:
    """Two or three words in a row."""
    words = [re.sub("['\u2019]s?$", "", word) for word in words]
    return {
        " ".join(words[at : at + length])
        for length in (2, 3)
        for at in range(len(words) - length + 1)
    }


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
