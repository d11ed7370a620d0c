"""The classification track: what an example is and what its loss counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from palimpsest.losses import cross_entropy_sum
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


def classification_loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum of the cross entropies of a batch's labels, in nats."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return cross_entropy_sum(logits, batch["labels"])
