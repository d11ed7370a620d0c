"""Examples -> batches: bucketed by length, padded on the right, in an order that names decide."""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.randomness import numpy_generator

# batches that are sorted by length together: long enough to save padding, short enough to stay
# random
POOL = 50


def epoch_batches(lengths: np.ndarray, batch_size: int, *names: object) -> list[np.ndarray]:
    """lengths (n,) of the examples -> index arrays of the batches of one epoch; every example
    stands in exactly one.

    A permutation keyed by ``names``, cut into pools of ``POOL`` batches, each sorted by length and
    cut; then the batches are shuffled.
    """
    generator = numpy_generator(*names)
    order = generator.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]


def collate(token_ids: list[list[int]], pad_id: int) -> dict[str, torch.Tensor]:
    """B lists of ids -> input_ids (B, T) and attention_mask (B, T), from the lengths: a real token
    that equals the pad id still counts."""
    lengths = torch.tensor([len(ids) for ids in token_ids])
    input_ids = torch.full((len(token_ids), int(lengths.max())), pad_id)
    for row, ids in enumerate(token_ids):
        input_ids[row, : len(ids)] = torch.tensor(ids)
    return {
        "input_ids": input_ids,
        "attention_mask": (torch.arange(input_ids.shape[1]) < lengths[:, None]).long(),
    }
