"""Novels as plain text: passages of each, every one a prompt and how it goes on, with the names
that no other of the novels has.

Passages are runs of equally many words within a chapter, cut wherever they end, as in benchmarks of
verbatim memorization. A novel is an owner, so that a request forgets all of it that was read. What
is never read of any (split holdout) stays when a novel is forgotten: each such passage is an owner
of its own, and ``part`` says of which novel. There a model shows whether it knows a novel's people
and places, and not just some passages by heart.

Names are found by rule: words that are capital within sentences, several times in one novel, and
that neither stand in another one nor are ever written small. Words that two of the novels share,
such as London, are none; nor is a novel's villain who bears a common noun.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from palimpsest.data.positions import split_positions
from palimpsest.data.tables import decode, read_bytes, text_name
from palimpsest.errors import Problem, UserError

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("record_id", "owner", "prompt", "completion", "split", "part", "spans", "names")
LEAST = 3  # times that a name stands within sentences
FETCHED = re.compile(r"^[0-9a-f]{8}-")  # what the name of a fetched file begins with
CHAPTER = re.compile(r"(?i)(chapter|book|part|volume)\b")
HEADING = 12  # words at most, and no mark at the end
BROKEN = re.compile(r"(?<=[^\W\d_])-\s+(?=[a-z])")  # a word that a line broke
WORD = re.compile(r"[^\W\d_]+")
WITHIN = re.compile(r"(?<=[a-z,;] )[A-Z][^\W\d_]*[^\W\d_A-Z]\b")  # a capital word within a sentence


def read_novels(
    paths: Iterable[Path], *, passages: Mapping[str, list], words: int, prompt_words: int
) -> DataFrame:
    """Rows of COLUMNS: record_id "treasure-0017", owner "treasure", as the file is called; spans:
    where names stand in the completion, as spans.py has them; names: all names of the novel, as
    JSON text.

    ``passages`` gives splits to the passages of each novel by position, {split: entries such as 7
    or "1-80"} (``split_positions``); the others are UNLISTED. ``words``: of a passage, of which the
    first ``prompt_words`` are the prompt.

    Raises one UserError with all problems: two files of one name, a prompt that leaves no word, a
    novel with fewer passages than are named.
    """
    import pandas as pd

    paths = list(paths)
    texts = {novel_of(path): BROKEN.sub("", decode(read_bytes(path), path)) for path in paths}
    _check(paths, texts, words, prompt_words)
    names, rows, problems = names_of(texts), [], []
    for novel, text in texts.items():
        cut = [(run[:prompt_words], run[prompt_words:]) for run in runs(text, words)]
        try:
            splits = split_positions(dict(passages), len(cut), f"data.passages of {novel}")
        except UserError as error:
            problems += error.problems
            continue
        listed = json.dumps(names[novel])
        for number, (pair, split) in enumerate(zip(cut, splits, strict=True), 1):
            prompt, completion = map(" ".join, pair)
            name, unread = f"{novel}-{number:04d}", split == "holdout"
            owner, part = (name, novel) if unread else (novel, "")
            spans = json.dumps(places(completion, names[novel]))
            rows.append((name, owner, prompt, completion, split, part, spans, listed))
    if problems:
        raise UserError(problems)
    return pd.DataFrame(rows, columns=COLUMNS)


def novel_of(path: Path) -> str:
    return FETCHED.sub("", text_name(path))


def runs(text: str, words: int) -> list[list[str]]:
    """The passages of a text, each of so many words; what is left at the end of a chapter is in
    none."""
    chapters: list[list[str]] = [[]]
    for paragraph in re.split(r"\n\s*\n", text):
        found = paragraph.split()
        if is_heading(paragraph):
            chapters.append([])
        else:
            chapters[-1] += found
    return [
        one[start : start + words]
        for one in chapters
        for start in range(0, len(one) - words + 1, words)
    ]


def is_heading(paragraph: str) -> bool:
    """A few words that end in no mark, or that say so themselves."""
    found = paragraph.split()
    if not 0 < len(found) <= HEADING:
        return False
    return found[-1][-1].isalnum() or bool(CHAPTER.match(found[0]))


def names_of(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Of each novel the names that it has alone, in order."""
    spelled = {novel: set(WORD.findall(text)) for novel, text in texts.items()}
    found = {}
    for novel, text in texts.items():
        counts = Counter(WITHIN.findall(" ".join(text.split())))
        small = {word for words in spelled.values() for word in words if word.islower()}
        others = {word for other, words in spelled.items() if other != novel for word in words}
        found[novel] = sorted(
            name
            for name, times in counts.items()
            if times >= LEAST and name.lower() not in small and name not in others
        )
    return found


def places(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    """Where names stand in a text, in characters."""
    known = set(names)
    return [one.span() for one in WORD.finditer(text) if one[0] in known]


def _check(paths: list[Path], texts: Mapping[str, str], words: int, prompt_words: int) -> None:
    problems = []
    if len(texts) < len(paths):
        found, remedy = f"{len(paths)} files, {len(texts)} names", "rename them"
        what = "two novels have one name"
        problems.append(Problem(what, "data.sources", found, "a name for each", remedy))
    if len(texts) < 2:
        what, remedy = "a novel's names are those that no other one has", "name two or more files"
        problems.append(Problem(what, "data.sources", f"{len(texts)} files", "2 or more", remedy))
    if prompt_words >= words:
        what, allowed = "a prompt leaves no word to go on with", f"fewer than `words`, {words}"
        problems.append(Problem(what, "data.prompt_words", str(prompt_words), allowed, "lower it"))
    if problems:
        raise UserError(problems)
