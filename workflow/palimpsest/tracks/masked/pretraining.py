"""What a masked model is pretrained on: hidden tokens, in blocks of text, others in each epoch."""

from __future__ import annotations

import numpy as np

from palimpsest.errors import Problem, UserError
from palimpsest.models.masked import make_masked as make
from palimpsest.randomness import numpy_generator
from palimpsest.tracks.masked.encoded import SHARE
from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.tracks.masked.model import predict
from palimpsest.training.objective import Objective, Part
from palimpsest.training.predictions import negative_log_likelihood

__all__ = ["make", "marks", "objective"]


def marks(tokenizer) -> tuple[list[int], int, list[int]]:
    """Ids that stand at the beginning of a block, after each file, and at the end of a block: as
    around a text that is scored. A UserError for a tokenizer that lacks them."""
    begin, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    if None in (begin, end, tokenizer.mask_token_id):
        what = "the tokenizer has no tokens for the ends of a text, or none that hides"
        remedy = "give the recipe a tokenizer of `algorithm: wordpiece`"
        raise UserError(Problem(what, "pretraining.tokenizer", remedy=remedy))
    return [begin], end, [end]


def objective(blocks: np.ndarray, tokenizer, *names: object) -> Objective:
    """blocks (n, T) of ids with their marks. Before each epoch SHARE of the tokens of each block
    are drawn anew, one at least; all of them become the mask token (Devlin et al. 2019 leave a
    tenth as they are and replace another, so that fine-tuning, which sees no mask, finds them too;
    here every prediction is of a mask)."""

    rows = blocks.tolist()

    def drawn(epoch: int) -> MaskedExamples:
        hidden = hide(blocks, tokenizer.all_special_ids, *names, "hidden", epoch)
        return MaskedExamples(rows, hidden, hidden, tokenizer.pad_token_id, tokenizer.mask_token_id)

    part = Part(drawn(0), negative_log_likelihood(predict))
    return Objective({"train": part}, refresh=lambda epoch: {"train": drawn(epoch)}, steady=True)


def hide(blocks: np.ndarray, special: list[int], *names: object) -> list[list[bool]]:
    """Which tokens of each block (n, T) are hidden: SHARE of those that are not ``special``, one at
    least, all as likely. A UserError where a block has none."""
    free = ~np.isin(blocks, special)
    if not free.any(axis=1).all():
        what, remedy = "a block holds nothing but marks", "raise `block`, or give more text"
        raise UserError(Problem(what, "pretraining.block", str(blocks.shape[1]), remedy=remedy))
    counts = np.maximum(1, np.floor(SHARE * free.sum(axis=1) + 1e-9).astype(int))
    order = np.where(free, numpy_generator(*names).random(blocks.shape), 2.0).argsort(axis=1)
    hidden = np.zeros(blocks.shape, dtype=bool)
    np.put_along_axis(hidden, order, np.arange(blocks.shape[1])[None] < counts[:, None], axis=1)
    return hidden.tolist()
