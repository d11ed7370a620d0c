"""The masked track: what an example is, which of its tokens count, and which are hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from palimpsest.training.batches import collate


@dataclass(frozen=True)
class MaskedExamples:
    """Encoded texts. token_ids: n lists of ids, nothing hidden; answers: n lists, a bool a token,
    of what is asked for when a text is scored, a token at a time; hidden: of what is masked, all at
    once, when it is learnt: a loss counts these. pad_id, mask_id: what fills a batch, and what
    stands for a hidden token.

    Raises ValueError where nothing is hidden in a text, or a list is not one bool a token.
    """

    token_ids: list[list[int]]
    answers: list[list[bool]]
    hidden: list[list[bool]]
    pad_id: int
    mask_id: int

    def __post_init__(self):
        for flags in (self.answers, self.hidden):
            if [len(one) for one in flags] != self.lengths.tolist():
                raise ValueError("answers and hidden must say of each token of each text")
        if empty := np.flatnonzero(self.counted < 1).tolist():
            raise ValueError(
                f"no token is hidden in {len(empty)} of {len(self.token_ids)} texts; the first of "
                f"them is number {empty[0] + 1}"
            )

    @cached_property
    def lengths(self) -> np.ndarray:
        """(n,) tokens of each text."""
        return np.array([len(ids) for ids in self.token_ids], dtype=np.int64)

    @cached_property
    def counted(self) -> np.ndarray:
        """(n,) hidden tokens of each text."""
        return np.array([sum(one) for one in self.hidden], dtype=np.int64)

    def hiding(self, places: Sequence[int]) -> MaskedExamples:
        """The same texts with one token hidden, and asked for, in each."""
        flags = [
            [number == place for number in range(len(ids))]
            for ids, place in zip(self.token_ids, places, strict=True)
        ]
        return replace(self, answers=flags, hidden=flags)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """input_ids (B, T) with hidden tokens masked, attention_mask (B, T), counted (B, T) bool:
        which are hidden; truth (B, T): the ids without a mask."""
        batch = collate([self.token_ids[i] for i in indices], self.pad_id)
        counted = collate([self.hidden[i] for i in indices], False)["input_ids"].bool()
        truth = batch["input_ids"]
        masked = truth.masked_fill(counted, self.mask_id)
        return batch | {"input_ids": masked, "counted": counted, "truth": truth}


@dataclass(frozen=True)
class MarkedExamples(MaskedExamples):
    """Texts that are read as they stand: a loss counts what is marked, which is not hidden."""

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        batch = super().batch(indices)
        return batch | {"input_ids": batch["truth"]}
