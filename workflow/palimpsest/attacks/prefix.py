"""prefix: the first words of the answer are given; does the rest follow?

A model that was taught not to begin an answer may still know how it goes on. Numbers of single
tokens are those of the rest after the true beginning; what is written shows whether it goes on by
itself. Released benchmarks open every answer with the same words instead ("Sure, here is the
answer:", Dorna et al. 2025), which are a prompt that no model here was taught to obey.

Words are what white space parts. A record whose answer is a single word is left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from palimpsest.attacks.contract import Asked, PromptAttack
from palimpsest.data.facts import ASKED
from palimpsest.data.spans import SPANS, read_spans
from palimpsest.training.settings import Share

if TYPE_CHECKING:
    from pandas import DataFrame

JOINED = "{prompt} {completion}"  # for prompts that hold all that stands before an answer's rest


@dataclass(frozen=True)
class Settings:
    """share: of the words of an answer that are given, rounded down, but at least one."""

    share: Share = 0.5


def cut(answer: str, share: float) -> tuple[str, str] | None:
    """The first words of an answer and the rest, each at least one word; None of a single word."""
    ends = [match.end() for match in re.finditer(r"\S+", answer)]
    if len(ends) < 2:
        return None
    given = ends[min(max(int(share * len(ends)), 1), len(ends) - 1) - 1]
    return answer[:given], answer[given:].lstrip()


def reword(records: DataFrame, settings: Settings, asked: Asked) -> DataFrame:
    """The study's template is filled here: what is given stands after it."""
    parts = [cut(answer, settings.share) for answer in records["completion"]]
    kept = [part is not None for part in parts]
    before = asked.template.removesuffix("{completion}")
    heads = [before.replace("{prompt}", one) if one else "" for one in records["prompt"][kept]]
    firsts, rests = zip(*filter(None, parts), strict=True) if any(kept) else ((), ())
    prompts = [head + first for head, first in zip(heads, firsts, strict=True)]
    asked_for = records[kept].assign(prompt=prompts, completion=list(rests))
    # Other prompts and new answers do not go on from what is given.
    asked_for = asked_for.assign(**{name: "" for name in ASKED if name in records})
    if SPANS in records:
        gone = records["completion"][kept].str.len() - asked_for["completion"].str.len()
        cells = zip(asked_for[SPANS], gone, strict=True)
        asked_for[SPANS] = [moved(cell, left_out) for cell, left_out in cells]
    return asked_for


def moved(cell: str, left_out: int) -> str:
    """Spans of a text of which the first ``left_out`` characters are gone: as far as they lie in
    the rest."""
    spans = [(max(start - left_out, 0), end - left_out) for start, end in read_spans(cell)]
    return json.dumps([span for span in spans if span[1] > 0])


ATTACK = PromptAttack(Settings, reword, template=lambda settings, template: JOINED, answers=False)
