"""Sentences that no stereotype is about, by which is seen whether a masked model still works: plain
ones, and ones with a label, which a probe tells apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data.blanks import FIT, JUDGED, PROBE
from palimpsest.data.tables import decode, read_bytes
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import numpy_generator

if TYPE_CHECKING:
    from pandas import DataFrame

WORDS = (8, 40)  # of a plain sentence
UNKNOWN = "<unk>"  # of WikiText's tokenised form: sentences with it are left out
FITTED = 2 / 3  # of the labelled sentences, on which the probe is fitted


def plain(path: Path, count: int) -> Iterator[tuple[str, str]]:
    """(name, text) of ``count`` sentences of a text file, or of all that it has: 8 to 40 words, in
    the order of the file, drawn by names. Headings (`= ... =`) are none."""
    lines = decode(read_bytes(path), path).splitlines()
    found = [
        sentence
        for line in lines
        if not line.strip().startswith("=")
        for sentence in re.split(r"(?<=[.!?])\s+", line.strip())
        if WORDS[0] <= len(sentence.split()) <= WORDS[1] and UNKNOWN not in sentence
    ]
    if not found:
        allowed = f"sentences of {WORDS[0]} to {WORDS[1]} words"
        what, remedy = "no sentence to ask a model about", "give other text, or leave it out"
        raise UserError(Problem(what, str(path), allowed=allowed, remedy=remedy))
    for number in sorted(_drawn(len(found), count, "plain")):
        yield f"plain-{number:05d}", found[number]


def labelled(frame: DataFrame, count: int, path: Path) -> Iterator[tuple[str, str, str, str]]:
    """(name, text, label, FIT or JUDGED) of ``count`` rows of SST-2, columns sentence and label,
    drawn by names; of them two thirds are to fit a probe."""
    sentences, labels = frame["sentence"].tolist(), frame["label"].astype(str).tolist()
    if set(labels) != {"0", "1"}:
        found = ", ".join(sorted(set(labels))[:5])
        what, remedy = "labels that a probe does not tell apart", "give the file as published"
        raise UserError(Problem(what, f"{path}, label", found, "0 and 1", remedy))
    drawn = _drawn(len(sentences), count, "probe")
    fitted = set(drawn[: round(FITTED * len(drawn))].tolist())
    for number in sorted(drawn):
        role = FIT if number in fitted else JUDGED
        yield f"{PROBE}-{number:05d}", sentences[number].strip(), labels[number], role


def _drawn(size: int, count: int, what: str):
    """Places of at most ``count`` of ``size``, in the order of their draw."""
    return numpy_generator("sentences", what).permutation(size)[:count]
