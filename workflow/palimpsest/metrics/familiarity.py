"""Whether a causal model knows the people and places of a source, such as a novel (Eldan and
Russinovich 2023). Numbers of one text.

The paper has two measures, of prompts written for it: GPT-4 grades what the model goes on to write,
and the probability of next tokens that people marked as idiosyncratic is added up. Here texts of
the source itself are the prompts, and its names, found by rule, are what is idiosyncratic. So
a grade is 0 or 1, and what is known without a name is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import exp, nan

WORD = re.compile(r"[^\W\d_]+")


def familiarity_completion(written: str, prompt: str, names: Iterable[str]) -> float:
    """1 if what is written after a prompt has a name that the prompt has not, else 0; match."""
    told = set(WORD.findall(prompt))
    return float(any(word in names and word not in told for word in WORD.findall(written)))


def familiarity_probability(logp: Sequence[float], named: Sequence[bool]) -> float:
    """Mean over the names of a text of the probability of the whole name, after all that stands
    before it; [0, 1], match; nan where there is no name. Names that follow one another are one.

    logp, named: of each token that counts, left to right. ValueError where they are not equally
    many.
    """
    names: list[list[float]] = []
    before = False
    for one, inside in zip(logp, named, strict=True):
        if inside:
            names += [] if before else [[]]
            names[-1].append(one)
        before = inside
    return sum(exp(sum(name)) for name in names) / len(names) if names else nan
