"""Fingerprints of passages: how forgotten text is known again after nobody holds it any more.

A sentence is cut into windows of ``WINDOW`` words that do not overlap, so that no window helps to
guess the next; what is left over is a shorter one. Words are compared without case, accents and
punctuation, which is what is left of a text that was escaped, tokenised and decoded. Windows that
retained records hold as well tell nothing and are left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from palimpsest.data.pseudonyms import pseudonym

WINDOW, SHORTEST = 8, 3  # words
BASE, MIX = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03  # odd, so that no bit of a word is lost
# Tokenizers put ideographs apart, so each counts as a word.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
# a word of its own between texts, so that no window reaches from one into the next
BREAK = "\n\u4dbf\n"
SENTENCE_END = re.compile(r"[.!?\u2026\u3002\n\r]+")


def words(text: str) -> list[str]:
    """The words of a text, without case and accents; an apostrophe or hyphen parts words."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        accents = "".join(filter(unicodedata.combining, set(text)))
        text = text.translate(str.maketrans("", "", accents)) if accents else text
    return WORD.findall(text.casefold())


def windows(text: str) -> list[tuple[str, ...]]:
    """What a text is known by, a tuple of words each, none of fewer than ``SHORTEST``."""
    found = []
    for sentence in SENTENCE_END.split(text):
        said = words(sentence)
        found += [tuple(said[start : start + WINDOW]) for start in range(0, len(said), WINDOW)]
    return [window for window in found if len(window) >= SHORTEST]


@dataclass
class Passages:
    """Keyed hashes of windows, by their length in words; before each hash stand 16 bits of a sum
    that is quick to compute everywhere."""

    salt: str
    marks: dict[int, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, windows_: Iterable[tuple[str, ...]], salt: str) -> Passages:
        passages = cls(salt)
        for window in set(windows_):
            tag = int(next(tags for length, tags in _tags(list(window), {len(window)}, salt))[0])
            passages.marks.setdefault(len(window), set()).add(
                f"{tag:04x}{pseudonym(' '.join(window), salt)}"
            )
        return passages

    def add(self, other: Passages) -> None:
        """Know those of another, too."""
        for length, marks in other.marks.items():
            self.marks.setdefault(length, set()).update(marks)

    def found(self, text: str) -> set[str]:
        """Marks of the windows that stand anywhere in ``text``, in consecutive words."""
        said, found = words(text), set()
        for length, tags in _tags(said, set(self.marks), self.salt):
            likely = np.zeros(1 << 16, dtype=bool)
            likely[[int(mark[:4], 16) for mark in self.marks[length]]] = True
            for start in np.flatnonzero(likely[tags]):
                mark = (
                    f"{tags[start]:04x}"
                    f"{pseudonym(' '.join(said[start : start + length]), self.salt)}"
                )
                if mark in self.marks[length]:
                    found.add(mark)
        return found

    def __bool__(self) -> bool:
        return any(self.marks.values())


def _tags(said: list[str], lengths: set[int], salt: str):
    """(length, 16 bits for each window of that many consecutive words), for each of ``lengths``
    that the text reaches."""
    values = np.fromiter(map(_values(salt).__getitem__, said), dtype=np.uint64, count=len(said))
    sums, power = np.zeros_like(values), 1
    for length in range(1, min(max(lengths, default=0), len(said)) + 1):
        sums = sums[: len(said) - length + 1] + values[length - 1 :] * np.uint64(power)
        power = power * BASE % (1 << 64)
        if length in lengths:
            yield length, (sums * np.uint64(MIX)) >> np.uint64(48)


class _Values(dict):
    """Word -> 64 bits of its keyed hash, computed once: the files of a study say the same words
    again and again."""

    def __init__(self, salt: str):
        self.salt = salt

    def __missing__(self, word: str) -> int:
        self[word] = value = int(pseudonym(word, self.salt)[:16], 16)
        return value


_values = cache(_Values)


def distinctive(
    forgotten: Iterable[str], retained: Iterable[str], salt: str
) -> tuple[Passages, int]:
    """(passages that stand in forgotten texts and in no retained one, number of forgotten texts
    without any).

    A sentence none of whose windows is its own is known by all of its words, if these are; then a
    text likewise.
    """
    forgotten, retained = list(forgotten), BREAK.join(dict.fromkeys(retained))
    own = _own((window for text in forgotten for window in windows(text)), retained, salt)
    for cut in (SENTENCE_END.split, lambda text: [text]):
        rest = {
            tuple(words(part)) for text in forgotten for part in cut(text) if not own.found(part)
        }
        own.add(_own((part for part in rest if len(part) >= SHORTEST), retained, salt))
    return own, sum(not own.found(text) for text in forgotten)


def _own(candidates: Iterable[tuple[str, ...]], retained: str, salt: str) -> Passages:
    """Passages of the candidates that the retained text does not hold."""
    passages = Passages.of(candidates, salt)
    shared = passages.found(retained)
    left = {length: known - shared for length, known in passages.marks.items()}
    return Passages(salt, {length: known for length, known in left.items() if known})
