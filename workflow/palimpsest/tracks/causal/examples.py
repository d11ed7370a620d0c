"""The causal track: what an example is and which of its tokens the loss counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from palimpsest.training.batches import collate


@dataclass(frozen=True)
class LanguageModellingExamples:
    """Encoded texts. token_ids: n lists of ids; pad_id: what fills a batch; answers: n lists, a
    bool a token, of what counts.

    Without ``answers`` every token counts, but never the first of a text, which nothing predicts,
    and never padding: masks come from lengths. Raises ValueError where nothing counts in a text, or
    ``answers`` are not one a token.
    """

    token_ids: list[list[int]]
    pad_id: int
    answers: list[list[bool]] | None = None

    def __post_init__(self):
        if (
            self.answers is not None
            and [len(answer) for answer in self.answers] != self.lengths.tolist()
        ):
            raise ValueError("answers must say of each token of each text whether it counts")
        empty = np.flatnonzero(self.counted < 1)
        if len(empty):
            raise ValueError(
                f"no token counts in {len(empty)} of {len(self.token_ids)} texts; the first of "
                f"them is number {empty[0] + 1}"
            )

    @cached_property
    def lengths(self) -> np.ndarray:
        """(n,) tokens of each text."""
        return np.array([len(ids) for ids in self.token_ids], dtype=np.int64)

    @cached_property
    def counted(self) -> np.ndarray:
        """(n,) tokens of each text that the loss counts."""
        if self.answers is None:
            return self.lengths - 1
        return np.array([sum(answer[1:]) for answer in self.answers], dtype=np.int64)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """input_ids (B, T), attention_mask (B, T), counted (B, T) bool."""
        batch = collate([self.token_ids[i] for i in indices], self.pad_id)
        counted = batch["attention_mask"].bool()
        if self.answers is not None:
            counted = collate([self.answers[i] for i in indices], False)["input_ids"]
        counted[:, 0] = False
        return batch | {"counted": counted}
