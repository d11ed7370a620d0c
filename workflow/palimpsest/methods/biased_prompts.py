"""Prompts under which a masked model goes on most differently after either of two words, by beam
search (Guo et al. 2022): the first stage of `auto_debias`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from palimpsest.data.blanks import BLANK
from palimpsest.errors import Problem, UserError
from palimpsest.methods.pairs import SIDES, where

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from palimpsest.methods.run import Run
    from palimpsest.tracks.masked.examples import MaskedExamples
    from palimpsest.training.progress import Progress

Prompt = tuple[int, ...]  # ids of whole words
FEWEST = 2  # words to tell apart


@dataclass(frozen=True)
class Frame:
    """What stands around a prompt, as ids: `[CLS] he ... [MASK] . [SEP]`."""

    head: Prompt
    tail: Prompt

    def text(self, prompt: Sequence[int], mask_id: int) -> tuple[list[int], int]:
        """The ids with the prompt and the mask in it, and the place of the mask."""
        return [*self.head, *prompt, mask_id, *self.tail], len(self.head) + len(prompt)


# --- words ----------------------------------------------------------------------------------------


def encoded(run: Run, prompts: Sequence[str], completions: Sequence[str]) -> MaskedExamples:
    import pandas as pd

    names = [f"word {number}" for number in range(len(prompts))]
    return run.encode(
        pd.DataFrame({"record_id": names, "prompt": prompts, "completion": completions})
    )


def single(run: Run, words: Sequence[str], before: str, behind: str = "") -> list[int | None]:
    """The id of each of the ``words`` that is one token between two others, with the space before
    it; None for others, of which a tokenizer may write the space apart."""
    if not words:
        return []
    (plain,) = encoded(run, [f"{BLANK}{behind}"], [before]).lengths
    texts, found = encoded(run, [f"{before} {BLANK}{behind}"] * len(words), list(words)), []
    for ids, hidden in zip(texts.token_ids, texts.hidden, strict=True):
        places = [place for place, flag in enumerate(hidden) if flag]
        whole = len(places) == 1 and len(ids) == plain + 1
        found.append(ids[places[0]] if whole else None)
    return found


def whole_words(run: Run, count: int) -> list[int]:
    """The first ``count`` pieces of the tokenizer, in its order, that are a whole word of letters:
    that word, within a text, is encoded as this very piece."""
    tokenizer, special = run.tokenizer, set(run.tokenizer.all_special_ids)
    texts = {
        piece: text
        for piece in range(len(tokenizer))
        if piece not in special and (text := tokenizer.decode([piece]).strip()).isalpha()
    }
    found = single(run, list(texts.values()), "a", " a")
    whole = [piece for piece, one in zip(texts, found, strict=True) if piece == one]
    if not whole:
        what, remedy = "no piece of the tokenizer is a whole word", "leave the method out"
        raise UserError(Problem(what, "method auto_debias, the tokenizer", remedy=remedy))
    return whole[:count]


def known(run: Run, words: Sequence[str], after: str) -> list[int]:
    """The ids of those ``words`` that are one known token ``after`` another word. A UserError where
    fewer than FEWEST are."""
    unknown = run.tokenizer.unk_token_id
    kept = sorted({one for one in single(run, words, after) if one not in (None, unknown)})
    if len(kept) < FEWEST:
        what = "too few words to tell apart are one token"
        told = f"{len(kept)} of {len(words)}"
        remedy = "list others in `words`, or take the whole `vocabulary` in `search` and `tune`"
        raise UserError(Problem(what, where("auto_debias"), told, f"{FEWEST} or more", remedy))
    return kept


def frames(run: Run, rows: pd.DataFrame, end: str, filler: str) -> list[tuple[Frame, Frame]]:
    """Of each pair of words, once, whichever is advantaged, both frames, with ``end`` behind the
    mask. ``filler`` is any word, for a prompt's place."""
    pairs = {}
    for pair in zip(*(rows[side] for side in SIDES), strict=True):
        pairs.setdefault(frozenset(word.casefold() for word in pair), pair)
    words = [word for pair in pairs.values() for word in pair]
    texts = encoded(run, [f"{word} {BLANK}{end}" for word in words], [filler] * len(words))
    found = []
    for ids, hidden in zip(texts.token_ids, texts.hidden, strict=True):
        places = [place for place, flag in enumerate(hidden) if flag]
        found.append(Frame(tuple(ids[: places[0]]), tuple(ids[places[-1] + 1 :])))
    return list(zip(found[::2], found[1::2], strict=True))


# --- the search -----------------------------------------------------------------------------------


def beam_search(
    vocabulary: Sequence[int],
    length: int,
    beam: int,
    scored: Callable[[list[Prompt]], np.ndarray],
) -> list[Prompt]:
    """The ``beam`` prompts of each length with the highest scores, each of those of the length
    before with a further word; of equal ones those that were made earlier."""
    found, ends = [], [()]
    for _ in range(length):
        tried = [(*prompt, word) for prompt in ends for word in vocabulary]
        order = np.argsort(-scored(tried), kind="stable")[:beam]
        ends = [tried[place] for place in order]
        found += ends
    return found


def scores(
    run: Run,
    pairs: list[tuple[Frame, Frame]],
    mask_id: int,
    rows: int,
    divergence: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    progress: Progress,
    prompts: list[Prompt],
) -> np.ndarray:
    """(n,) of each prompt the mean over pairs of the ``divergence`` of the logits (B, V) at the
    mask. Prompts are of one length; ``rows`` of them are read at once."""
    import torch

    found = np.zeros(len(prompts))
    for start in range(0, len(prompts), rows):
        some = prompts[start : start + rows]
        for pair in pairs:
            with torch.no_grad(), run.arithmetic():
                each = divergence(*(said(run, frame, some, mask_id) for frame in pair))
            found[start : start + rows] += each.double().cpu().numpy() / len(pairs)
        lengths = (len(frame.text(some[0], mask_id)[0]) for pair in pairs for frame in pair)
        progress.update(progress.done + len(some), None, len(some) * sum(lengths))
    return found


def said(run: Run, frame: Frame, prompts: list[Prompt], mask_id: int) -> torch.Tensor:
    """Logits (B, V) of the model at the mask."""
    import torch

    from palimpsest.models.masked import hidden_logits

    texts = [frame.text(prompt, mask_id) for prompt in prompts]
    ids = torch.tensor([text for text, _ in texts], device=run.device)
    places = torch.zeros_like(ids, dtype=torch.bool)
    places[:, texts[0][1]] = True
    run.spent(ids.numel())
    return hidden_logits(run.model, ids, torch.ones_like(ids), places)
