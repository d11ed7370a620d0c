"""Texts with a blank, which a masked model fills in, and what such records are about."""

from __future__ import annotations

from typing import NamedTuple

BLANK = "[BLANK]"
# What a record is for, beside being learnt: of how its texts are compared (tracks/masked).
INTRA, INTER, CROWS, PRONOUN, PROBE = TASKS = (
    "stereoset_intra",
    "stereoset_inter",
    "crows_pairs",
    "pronoun",
    "probe",
)
FIT, JUDGED = "fit", "judged"  # the term of a sentence of the probe; its statistic is its label
# Columns of a record besides those of every track, "" where there is nothing to say. task: one of
# TASKS; term: whom it is about; domain: which kind of bias; statistic: a share of women in per
# cent; advantaged, disadvantaged: the two words that PCGU sets against each other in the blank.
PAIR = ("advantaged", "disadvantaged")
ABOUT = ("task", "term", "domain", "statistic", *PAIR)
ANTI, UNRELATED, OTHER = KINDS = ("anti_stereotype", "unrelated", "other")  # of candidates


class Filled(NamedTuple):
    """A text, and where in it, in characters, the completion stands."""

    text: str
    start: int
    end: int


def filled(prompt: str, completion: str) -> Filled:
    """The prompt with the completion in its blank; without a prompt, the completion is the text.
    ValueError for a prompt that has no blank, or several."""
    if not prompt:
        return Filled(completion, 0, len(completion))
    if prompt.count(BLANK) != 1:
        raise ValueError(f"{prompt.count(BLANK)} blanks")
    start = prompt.index(BLANK)
    text = prompt.replace(BLANK, completion)
    return Filled(text, start, start + len(completion))


def between(one: str, other: str) -> tuple[str, str, str] | None:
    """Two sentences that differ in one word -> (prompt, the word of the one, of the other); None
    for others. What stands around the word, such as a full stop, stays in the prompt."""
    words = [text.split(" ") for text in (one, other)]
    apart = [place for place, pair in enumerate(zip(*words, strict=False)) if pair[0] != pair[1]]
    if len(words[0]) != len(words[1]) or len(apart) != 1:
        return None
    (place,) = apart
    first, second = (text[place] for text in words)
    tail = 0
    while tail < min(len(first), len(second)) and not first[-1 - tail].isalnum():
        if first[-1 - tail] != second[-1 - tail]:
            return None
        tail += 1
    end = first[len(first) - tail :]
    first, second = first.removesuffix(end), second.removesuffix(end)
    words[0][place] = BLANK + end
    return (" ".join(words[0]), first, second) if first and second else None
