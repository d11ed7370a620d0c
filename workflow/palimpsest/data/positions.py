"""Owners without names: a setting assigns splits to them by their positions in the source."""

from __future__ import annotations

import re
from collections import Counter

from palimpsest.data.records import SPLITS
from palimpsest.errors import Problem, UserError, nearest

UNLISTED = "unlisted"  # the split of a position that the setting does not name
# defaults of a reader with such positions
SETTINGS = {"splits": {**{name: name for name in SPLITS}, UNLISTED: "drop"}}
RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def split_positions(setting: dict[str, list], count: int, where: str) -> list[str]:
    """{split: positions such as 7 or "121-200", both ends in it} -> the split of each position 1 to
    ``count``.

    UNLISTED where no split names a position. Raises one UserError with all problems, ``where``
    being the name of the setting: unknown splits, entries that are no positions or lie outside 1 to
    ``count``, positions that stand twice.
    """
    problems, named = [], []
    for split, entries in setting.items():
        place = f"{where}.{split}"
        if split not in SPLITS:
            problems.append(
                Problem(
                    "unknown split", place, repr(split), ", ".join(SPLITS), nearest(split, SPLITS)
                )
            )
        found, wrong = listed(entries, count, place)
        named += [(position, split) for position in found]
        problems += wrong
    again = sorted(
        position
        for position, times in Counter(position for position, _ in named).items()
        if times > 1
    )
    if again:
        found = f"{len(again)} positions, the first {again[0]}"
        problems.append(
            Problem(
                "positions stand twice",
                where,
                found,
                "each position once",
                "take it out of one of the ranges",
            )
        )
    if problems:
        raise UserError(problems)
    split_of = dict(named)
    return [split_of.get(position, UNLISTED) for position in range(1, count + 1)]


def listed(entries, count: int, place: str) -> tuple[list[int], list[Problem]]:
    """The positions of 1 to ``count`` that a list such as [7, "121-200"] names, both ends in it,
    and a Problem for each entry that names none."""
    positions, problems = [], []
    for entry in entries if isinstance(entries, list) else [entries]:
        match = RANGE.fullmatch(str(entry))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if 1 <= first <= last <= count:
            positions += range(first, last + 1)
        else:
            what, remedy = "no positions of this source", "correct it"
            allowed = f'positions from 1 to {count}, such as 7 or "1-{count}"'
            problems.append(Problem(what, place, repr(entry)[:60], allowed, remedy))
    return positions, problems
