"""Names that people choose and that become part of paths: of studies, requests, variants."""

from __future__ import annotations

import re
from collections.abc import Iterator

from palimpsest.errors import Problem, quoted

LONGEST = 64  # two of them, and what stands around them, fit into the name of a file
REPEATED = 20  # from so many times on Snakemake takes the end of a name for an endless loop


def repeats(name: str) -> str:
    """What a name ends in, ``REPEATED`` times or more; empty where it does not."""
    found = re.search(rf"(.+?)\1{{{REPEATED - 1}}}\Z", name, flags=re.DOTALL)
    return found[1] if found else ""


def name_problems(name: str, where: str) -> Iterator[Problem]:
    """Why a name of allowed letters cannot stand in a path after all."""
    if len(name) > LONGEST:
        yield Problem(
            "the name is too long",
            where,
            quoted(name),
            f"at most {LONGEST} letters",
            "shorten it",
        )
    elif piece := repeats(name):
        yield Problem(
            f"the name ends in {piece!r} again and again, which Snakemake takes for a loop",
            where,
            quoted(name),
            f"a piece at most {REPEATED - 1} times",
            "rename it",
        )
