from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from palimpsest.training.batches import collate


@dataclass(frozen=True)
class LastWordExamples:
    token_ids: list[list[int]]
    pad_id: int

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(ids) for ids in self.token_ids])

    @property
    def counted(self) -> np.ndarray:
        return np.ones(len(self.token_ids), dtype=np.int64)

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        """input_ids, attention_mask (B, T) without the last tokens, which are the targets (B,)."""
        texts = [self.token_ids[i] for i in indices]
        batch = collate([ids[:-1] for ids in texts], self.pad_id)
        return batch | {"targets": torch.tensor([ids[-1] for ids in texts])}
