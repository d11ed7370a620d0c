"""Examples of the classification track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from palimpsest.training.batches import collate


@dataclass(frozen=True)
class ClassificationExamples:
    """Encoded records. token_ids: n lists of ids; labels: n ints; pad_id: what fills a batch."""

    token_ids: list[list[int]]
    labels: list[int]
    pad_id: int

    @property
    def lengths(self) -> np.ndarray:
        """(n,) tokens of each example."""
        return np.array([len(ids) for ids in self.token_ids], dtype=np.int64)

    @property
    def counted(self) -> np.ndarray:
        """(n,) what the loss counts in each example: its one label."""
        return np.ones(len(self.token_ids), dtype=np.int64)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """input_ids (B, T), attention_mask (B, T), labels (B,)."""
        batch = collate([self.token_ids[i] for i in indices], self.pad_id)
        return batch | {"labels": torch.tensor([self.labels[i] for i in indices])}
