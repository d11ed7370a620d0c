"""Encoded records of a track, and what methods wrap around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch


class Examples(Protocol):
    """Encoded records of a track."""

    lengths: np.ndarray  # (n,) tokens of each
    counted: np.ndarray  # (n,) predictions that a loss counts in each: one label, or some tokens

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]: ...


@dataclass(frozen=True)
class Wrapped:
    """Examples whose batches hold further entries, which a subclass defines."""

    examples: Examples

    @property
    def lengths(self) -> np.ndarray:
        return self.examples.lengths

    @property
    def counted(self) -> np.ndarray:
        return self.examples.counted

    def predictions(self, indices: np.ndarray) -> np.ndarray:
        """(N,) places, among all predictions of all examples, of those of ``indices``."""
        ends = np.cumsum(self.counted)
        places = [np.arange(ends[i] - self.counted[i], ends[i]) for i in indices]
        return np.concatenate(places) if places else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class WithConstants(Wrapped):
    """Examples with further numbers, by name: ``each`` has one row an example, (n, ...); ``every``
    one row a prediction that counts, (N, ...), in the order of the examples. Batches hold those of
    their examples as tensors under the same names."""

    each: dict[str, np.ndarray | torch.Tensor] | None = None
    every: dict[str, np.ndarray | torch.Tensor] | None = None

    def __post_init__(self):
        sizes = (self.each or {}, len(self.lengths)), (self.every or {}, int(self.counted.sum()))
        for constants, size in sizes:
            for name, values in constants.items():
                if len(values) != size:
                    raise ValueError(f"{name}: {len(values)} rows for {size}")

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        import torch

        batch, rows = self.examples.batch(indices), self.predictions(indices)
        for constants, places in ((self.each or {}, indices), (self.every or {}, rows)):
            for name, values in constants.items():
                if name in batch:
                    raise ValueError(f"a batch has {name} already")
                batch[name] = torch.as_tensor(values)[torch.from_numpy(np.asarray(places))]
        return batch


@dataclass(frozen=True)
class Masked(Wrapped):
    """Texts in which only some of the counted tokens still count: ``keep`` (N,) bool, one for each
    prediction of all examples, in their order. ValueError where a text has none left."""

    keep: np.ndarray

    def __post_init__(self):
        if len(self.keep) != int(self.examples.counted.sum()):
            raise ValueError("keep must say of each prediction whether it counts")
        if (self.counted < 1).any():
            raise ValueError(f"nothing counts in {int((self.counted < 1).sum())} examples")

    @cached_property
    def counted(self) -> np.ndarray:
        owners = np.repeat(np.arange(len(self.lengths)), self.examples.counted)
        return np.bincount(owners[self.keep], minlength=len(self.lengths))

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        import torch

        batch = self.examples.batch(indices)
        counted = batch["counted"].clone()
        rows = Wrapped(self.examples).predictions(indices)
        counted[batch["counted"]] = torch.from_numpy(self.keep[rows])
        return batch | {"counted": counted}


@dataclass(frozen=True)
class Paired(Wrapped):
    """Two sets of equally many examples, which batches hold side by side: those of ``other`` under
    names that begin with ``other_``. Only predictions of the first set count."""

    other: Examples

    def __post_init__(self):
        if len(self.examples.lengths) != len(self.other.lengths):
            raise ValueError(f"{len(self.examples.lengths)} examples and {len(self.other.lengths)}")

    @property
    def lengths(self) -> np.ndarray:
        return self.examples.lengths + self.other.lengths

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]:
        others = self.other.batch(indices).items()
        return self.examples.batch(indices) | {f"other_{name}": value for name, value in others}


def other_of(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The second half of a batch of ``Paired``, without the prefix of its names."""
    names = [name for name in batch if name.startswith("other_")]
    return {name.removeprefix("other_"): batch[name] for name in names}
