"""What a training minimises: means over one or several sets of examples, joined to one number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from palimpsest.randomness import numpy_generator

if TYPE_CHECKING:
    import torch


class Examples(Protocol):
    """Encoded records of a track."""

    lengths: np.ndarray  # (n,) tokens of each
    counted: np.ndarray  # (n,) predictions that a loss counts in each: one label, or some tokens

    def batch(self, indices: np.ndarray) -> dict[str, torch.Tensor]: ...


@dataclass(frozen=True)
class Wrapped:
    """Examples whose batches hold more than their own; what that is, a subclass says."""

    examples: Examples

    @property
    def lengths(self) -> np.ndarray:
        return self.examples.lengths

    @property
    def counted(self) -> np.ndarray:
        return self.examples.counted


@dataclass(frozen=True)
class Part:
    """A set of examples and the loss over it.

    loss(model, batch) is a sum over the batch; it is divided by what ``per`` says: the predictions
    that count in the whole batch, or its examples. So neither padding nor the way a batch is cut
    changes an update. ``times`` as many examples are drawn as of the first part. A ``constant``
    part does not depend on the model that is trained.
    """

    examples: Examples
    loss: Callable[[torch.nn.Module, dict[str, torch.Tensor]], torch.Tensor]
    per: Literal["counted", "example"] = "counted"
    times: int = 1
    constant: bool = False

    def divisor(self, indices: np.ndarray) -> float:
        return (
            float(self.examples.counted[indices].sum())
            if self.per == "counted"
            else float(len(indices))
        )


@dataclass(frozen=True)
class Objective:
    """Parts by name; epochs are those of the first. Their means are joined by ``weights`` (1 each
    unless told), or by ``join``.

    join(means) takes and gives tensors () and may be any differentiable function.
    """

    parts: dict[str, Part]
    weights: dict[str, float] | None = None
    join: Callable[[dict[str, torch.Tensor]], torch.Tensor] | None = None

    @property
    def first(self) -> Part:
        return next(iter(self.parts.values()))

    def steps_per_epoch(self, batch_size: int) -> int:
        return math.ceil(len(self.first.examples.lengths) / batch_size)

    def epoch(self, number: int, batch_size: int, names: tuple) -> list[dict[str, np.ndarray]]:
        """Indices of each part in each batch of an epoch, all of like length.

        A further part goes through its examples in random order, again and again, so that counts of
        draws never differ by more than one.
        """
        from palimpsest.training.batches import epoch_batches

        anchor, *others = self.parts
        batches = {
            anchor: epoch_batches(self.first.examples.lengths, batch_size, *names, "order", number)
        }
        for name in others:
            drawn, part = self._drawn(name, number, names), self.parts[name]
            cut = epoch_batches(
                part.examples.lengths[drawn], batch_size * part.times, *names, name, "order", number
            )
            batches[name] = [drawn[places] for places in _beside(batches[anchor], cut)]
        return [
            dict(zip(batches, together, strict=True))
            for together in zip(*batches.values(), strict=True)
        ]

    def _drawn(self, name: str, epoch: int, names: tuple) -> np.ndarray:
        """Indices that an epoch takes of a further part."""
        part = self.parts[name]
        count, size = len(part.examples.lengths), len(self.first.examples.lengths) * part.times
        places = np.arange(epoch * size, (epoch + 1) * size)
        rounds = {
            number: numpy_generator(*names, name, int(number)).permutation(count)
            for number in np.unique(places // count)
        }
        return np.array([rounds[place // count][place % count] for place in places])

    def joined(self, means: dict[str, torch.Tensor]) -> torch.Tensor:
        if self.join is not None:
            return self.join(means)
        return sum(
            (1.0 if self.weights is None else self.weights[name]) * mean
            for name, mean in means.items()
        )

    def slopes(self, means: dict[str, torch.Tensor]) -> dict[str, float]:
        """How the joined value grows with each mean."""
        leaves = {name: mean.detach().clone().requires_grad_() for name, mean in means.items()}
        self.joined(leaves).backward()
        return {
            name: 0.0 if leaf.grad is None else float(leaf.grad) for name, leaf in leaves.items()
        }


def _beside(batches: list[np.ndarray], others: list[np.ndarray]) -> list[np.ndarray]:
    """The others as they come, but the batch that is not full beside the one that is not full."""
    order = np.argsort(np.argsort([len(batch) for batch in batches], kind="stable"))
    return [sorted(others, key=len)[place] for place in order]
