"""Which tokens of completions lie in the spans of their records (data/spans.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from palimpsest.data.spans import read_spans
from palimpsest.errors import Problem, UserError
from palimpsest.tracks.causal.examples import LanguageModellingExamples


def in_spans(
    tokenizer,
    completions: Sequence[str],
    cells: Sequence[object],
    examples: LanguageModellingExamples,
) -> list[np.ndarray]:
    """For each text of ``examples``, which are the completions with what stands before them, a bool
    for each token that counts: whether it shares a character with a span. The end of text is in
    none.

    A completion is encoded again, with the space that may stand before it and without: that gives
    the place of each token in the text. A UserError for a tokenizer that tells no places;
    ValueError where the examples are not of these completions.
    """
    if not tokenizer.is_fast:
        what, remedy = "the tokenizer tells no places of tokens in a text", "use a fast tokenizer"
        raise UserError(Problem(what, "spans", type(tokenizer).__name__, remedy=remedy))
    marks, spans = [], [read_spans(cell) for cell in cells]
    encoded = {lead: _encoded(tokenizer, [lead + one for one in completions]) for lead in ("", " ")}
    for number, pairs in enumerate(spans):
        counted = int(examples.counted[number])
        tail = list(examples.token_ids[number][-counted:-1])
        places = next(
            (
                [(start - len(lead), end - len(lead)) for start, end in offsets[number]]
                for lead, (ids, offsets) in encoded.items()
                if list(ids[number]) == tail
            ),
            None,
        )
        if places is None:
            raise ValueError(f"text {number + 1} is not the completion of its record")
        inside = [any(a < end and start < b for a, b in pairs) for start, end in places]
        marks.append(np.array([*inside, False]))
    return marks


def _encoded(tokenizer, texts: list[str]) -> tuple[list, list]:
    """Ids and places in the text, as completions are encoded (data/prompts.py)."""
    options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    given = tokenizer(texts, return_offsets_mapping=True, **options)
    return given["input_ids"], given["offset_mapping"]
