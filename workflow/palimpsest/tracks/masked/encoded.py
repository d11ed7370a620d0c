"""Texts with a blank -> tokens, of which some are asked for.

A text is encoded whole, with the tokenizer's own special tokens, so that every piece stands as it
would in plain text; the pieces that hold letters of the completion are those of the blank, and the
tokenizer's mask token takes their place. So it makes no difference how a tokenizer marks the
beginning of a word: by `##` inside it, or by a space that belongs to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from palimpsest.data.blanks import BLANK, Filled, filled
from palimpsest.data.records import shown
from palimpsest.errors import Problem, UserError
from palimpsest.randomness import numpy_generator
from palimpsest.tracks.masked.examples import MaskedExamples

SHARE = 0.15  # of a plain text that is hidden while it is learnt (Devlin et al. 2019)


def encode_texts(
    tokenizer, prompts: Sequence[str], completions: Sequence[str], names: Sequence[str]
) -> MaskedExamples:
    """n prompts and completions. The completion in its blank is asked for and hidden. Without a
    prompt the whole text is asked for, and SHARE of its tokens, one at least, are hidden while it
    is learnt: the same in every epoch, drawn by the text.

    Raises one UserError for a tokenizer without a mask token or that cannot tell where its pieces
    stand, and for records whose prompt has no blank or several, or of whose completion no token is
    left.
    """
    _check(tokenizer)
    texts, bad = [], []
    for number, pair in enumerate(zip(prompts, completions, strict=True)):
        try:
            texts.append(filled(*pair))
        except ValueError:
            texts.append(Filled("", 0, 0))
            bad.append(number)
    token_ids, answers = [], []
    if texts:
        encoded = tokenizer(
            [one.text for one in texts],
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            verbose=False,
        )
        token_ids = encoded["input_ids"]
        answers = [
            _asked(text, *marks)
            for text, *marks in zip(
                texts, encoded["offset_mapping"], encoded["special_tokens_mask"], strict=True
            )
        ]
    empty = [number for number, one in enumerate(answers) if not any(one) and number not in bad]
    _refuse(bad, empty, names)
    hidden = [
        answer if prompt else _drawn(ids, answer)
        for prompt, ids, answer in zip(prompts, token_ids, answers, strict=True)
    ]
    return MaskedExamples(
        token_ids, answers, hidden, tokenizer.pad_token_id, tokenizer.mask_token_id
    )


def _asked(text: Filled, offsets: list[tuple[int, int]], special: list[int]) -> list[bool]:
    """Of each token whether it holds a letter of the completion; a space before it is none."""
    found = []
    for (start, end), mark in zip(offsets, special, strict=True):
        begin, stop = max(start, text.start), min(end, text.end)
        found.append(not mark and begin < stop and not text.text[begin:stop].isspace())
    return found


def _drawn(ids: list[int], answer: list[bool]) -> list[bool]:
    places = [place for place, asked in enumerate(answer) if asked]
    count = max(1, math.floor(SHARE * len(places)))
    drawn = numpy_generator("masked", *ids).permutation(len(places))[:count]
    chosen = {places[number] for number in drawn}
    return [place in chosen for place in range(len(ids))]


def _check(tokenizer) -> None:
    problems = []
    if tokenizer.mask_token_id is None:
        remedy = (
            "take the tokenizer of a masked language model; of those that are trained here, one of "
            "`algorithm: wordpiece`"
        )
        problems.append(Problem("the tokenizer has no mask token", "model", remedy=remedy))
    if not tokenizer.is_fast:
        what = "the tokenizer does not say where its pieces stand in a text"
        remedy = "give it as a tokenizer.json, which `save_pretrained` of transformers writes"
        problems.append(Problem(what, "model", type(tokenizer).__name__, remedy=remedy))
    if problems:
        raise UserError(problems)


def _refuse(bad: list[int], empty: list[int], names: Sequence[str]) -> None:
    problems = []
    for places, what, allowed in (
        (bad, "prompts without one blank", f"{BLANK} once, or an empty prompt"),
        (empty, "no token is left of these completions", "text that the tokenizer has pieces for"),
    ):
        if places:
            named = shown(names[place] for place in places[:5])
            found = f"{len(places)} of {len(names)} records: {named}"
            remedy = "correct them, or leave them out"
            problems.append(Problem(what, "the records", found, allowed, remedy))
    if problems:
        raise UserError(problems)
