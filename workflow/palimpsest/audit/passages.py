"""Fingerprints of passages, which recognise forgotten text after it is gone.

A sentence is cut into windows of ``WINDOW`` words that do not overlap, so that no window helps to
guess the next; the rest is a shorter one. Words are compared without case, accents and punctuation,
which escaping, tokenising and decoding may lose. Windows that retained records hold as well
identify nobody and are left out.

So ``SURE`` words in a row of one sentence hold a whole window, wherever they begin. While the text
itself is there, any ``WINDOW`` words in a row can be looked for (``runs``); they overlap, and are
kept nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from palimpsest.data.pseudonyms import pseudonym

WINDOW, SHORTEST = 8, 3  # words
SURE = 2 * WINDOW - 1
BASE, MIX = 0x9E3779B97F4A7C15, 0xD1B54A32D192ED03  # odd, so that no bit of a word is lost
# Tokenizers separate ideographs, so each counts as a word.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
SHAPE = re.compile(
    "[\u034f\u115f\u1160\u180b-\u180d\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# holds a word that no text has, so that no window reaches from one text into the next
BREAK = "\n\u4dbf\n"
SENTENCE_END = re.compile(r"[.!?\u2026\u3002\n\r]+")


def words(text: str) -> list[str]:
    """The words of a text, without case, accents and characters that are not seen; an apostrophe or
    hyphen separates words."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        unseen = "".join(filter(_is_unseen, set(text)))
        text = text.translate(str.maketrans("", "", unseen)) if unseen else text
    return WORD.findall(text.casefold())


def _is_unseen(letter: str) -> bool:
    """Accents, and what only tells how to set a text: soft hyphens, joiners, marks of direction,
    variants of a letter's shape, fillers."""
    return (
        bool(unicodedata.combining(letter))
        or unicodedata.category(letter) == "Cf"
        or bool(SHAPE.match(letter))
    )


def windows(text: str) -> list[tuple[str, ...]]:
    """The windows of a text, each a tuple of at least ``SHORTEST`` words."""
    parts = []
    for sentence in SENTENCE_END.split(text):
        said = words(sentence)
        parts += [tuple(said[start : start + WINDOW]) for start in range(0, len(said), WINDOW)]
    return [part for part in parts if len(part) >= SHORTEST]


def runs(text: str) -> Iterator[tuple[str, ...]]:
    """Any ``WINDOW`` words in a row, whatever stands between them."""
    said = words(text)
    for start in range(len(said) - WINDOW + 1):
        yield tuple(said[start : start + WINDOW])


@dataclass
class Passages:
    """Keyed hashes of windows, by their length in words; each begins with 16 bits of a sum that is
    quick to compute at every word of a text, to find candidates."""

    secret: str = field(repr=False)
    marks: dict[int, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, windows_: Iterable[tuple[str, ...]], secret: str) -> Passages:
        passages = cls(secret)
        for window in set(windows_):
            tag = int(next(tags for length, tags in _tags(list(window), {len(window)}, secret))[0])
            passages.marks.setdefault(len(window), set()).add(
                f"{tag:04x}{pseudonym(' '.join(window), secret)}"
            )
        return passages

    def add(self, other: Passages) -> None:
        """Add the passages of another."""
        for length, marks in other.marks.items():
            self.marks.setdefault(length, set()).update(marks)

    def matches(self, text: str) -> set[str]:
        """Hashes of the windows that occur anywhere in ``text``, in consecutive words."""
        said = words(text)
        matched = set()
        for length, tags in _tags(said, set(self.marks), self.secret):
            likely = np.zeros(1 << 16, dtype=bool)
            likely[[int(mark[:4], 16) for mark in self.marks[length]]] = True
            for start in np.flatnonzero(likely[tags]):
                mark = (
                    f"{tags[start]:04x}"
                    f"{pseudonym(' '.join(said[start : start + length]), self.secret)}"
                )
                if mark in self.marks[length]:
                    matched.add(mark)
        return matched

    def __bool__(self) -> bool:
        return any(self.marks.values())


def _tags(said: list[str], lengths: set[int], secret: str):
    """(length, 16 bits for each window of that many consecutive words), for each of ``lengths``
    that the text reaches."""
    values = np.fromiter(map(_values(secret).__getitem__, said), dtype=np.uint64, count=len(said))
    sums, power = np.zeros_like(values), 1
    for length in range(1, min(max(lengths, default=0), len(said)) + 1):
        sums = sums[: len(said) - length + 1] + values[length - 1 :] * np.uint64(power)
        power = power * BASE % (1 << 64)
        if length in lengths:
            yield length, (sums * np.uint64(MIX)) >> np.uint64(48)


class _Values(dict):
    """Word -> 64 bits of its keyed hash, computed once: the files of a study repeat their words."""

    def __init__(self, secret: str):
        self.secret = secret

    def __missing__(self, word: str) -> int:
        self[word] = value = int(pseudonym(word, self.secret)[:16], 16)
        return value


_values = cache(_Values)


def distinctive(
    forgotten: Iterable[str], retained: Iterable[str], secret: str
) -> tuple[Passages, int]:
    """(passages that occur in forgotten texts and in no retained one, number of forgotten texts
    without any).

    Where a sentence has no such window, the whole sentence is a passage, if no retained text holds
    it; where a text has none at all, so is the whole text.
    """
    forgotten, retained = list(forgotten), BREAK.join(dict.fromkeys(retained))
    passages = unshared(
        (window for text in forgotten for window in windows(text)), retained, secret
    )
    for cut in (SENTENCE_END.split, lambda text: [text]):
        rest = {
            tuple(words(part))
            for text in forgotten
            for part in cut(text)
            if not passages.matches(part)
        }
        passages.add(unshared((part for part in rest if len(part) >= SHORTEST), retained, secret))
    return passages, sum(not passages.matches(text) for text in forgotten)


def unshared(candidates: Iterable[tuple[str, ...]], retained: str, secret: str) -> Passages:
    """Passages of the candidates that the retained text does not hold."""
    passages = Passages.of(candidates, secret)
    shared = passages.matches(retained)
    left = {length: hashes - shared for length, hashes in passages.marks.items()}
    return Passages(secret, {length: hashes for length, hashes in left.items() if hashes})
