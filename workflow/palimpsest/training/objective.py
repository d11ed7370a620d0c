"""What a training minimises: means over one or several sets of examples, joined to one number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from palimpsest.randomness import numpy_generator
from palimpsest.training.examples import Examples

if TYPE_CHECKING:
    import torch

Gradients = dict[str, "torch.Tensor"]  # by the name of the parameter


@dataclass(frozen=True)
class Part:
    """A set of examples and the loss over it.

    loss(model, batch) is a sum over the batch; it is divided by what ``per`` says: the predictions
    that count in the whole batch, or its examples. So neither padding nor the way a batch is cut
    changes an update. ``times`` as many examples are drawn as of the first part; of a part
    ``alongside`` it, which has as many, those at the same places. A ``constant`` part does not
    depend on the model that is trained.
    """

    examples: Examples
    loss: Callable[[torch.nn.Module, dict[str, torch.Tensor]], torch.Tensor]
    per: Literal["counted", "example"] = "counted"
    times: int = 1
    alongside: bool = False
    constant: bool = False

    def divisor(self, indices: np.ndarray) -> float:
        if self.per == "counted":
            return float(self.examples.counted[indices].sum())
        return float(len(indices))


@dataclass(frozen=True)
class Objective:
    """Parts by name; epochs are those of the first.

    Their means are joined to one loss by ``weights`` (1 each by default), or by ``join``, which
    takes and gives tensors () and may be any differentiable function. The update follows the
    gradient of that loss, or what ``direction`` makes of the gradients of the means of the single
    parts: it takes and gives Gradients, and the optimiser goes against what it gives.

    refresh(epoch) gives new examples, by part, before an epoch; the first part keeps its count. It
    may use the model, which is in eval mode, and torch's random numbers, which are seeded: a run
    that is killed goes on from the start of an epoch and asks for the same examples again. What it
    takes over from earlier epochs must come from `Run.kept`, under a name that holds the epoch.
    ``steady``: they follow from the epoch alone, so that a run may go on from any update.
    watched(model, what was watched before) gives numbers by name, before the first update and after
    each epoch. stops(all that was watched) says whether to end there. ``confirmed`` gives further
    numbers, which are slow to compute: before the first update, and where ``stops`` holds without
    them; it is then asked again with them. paced(updates) is told how many an epoch has, where a
    budget gives it others than its examples do.
    """

    parts: dict[str, Part]
    weights: dict[str, float] | None = None
    join: Callable[[dict[str, torch.Tensor]], torch.Tensor] | None = None
    direction: Callable[[dict[str, Gradients]], Gradients] | None = None
    plain: bool = False
    refresh: Callable[[int], dict[str, Examples]] | None = None
    steady: bool = False
    watched: Callable[[torch.nn.Module, list[dict]], dict[str, float]] | None = None
    confirmed: Callable[[torch.nn.Module], dict[str, float]] | None = None
    stops: Callable[[list[dict]], bool] | None = None
    paced: Callable[[int], None] | None = None

    @property
    def first(self) -> Part:
        return next(iter(self.parts.values()))

    def steps_per_epoch(self, batch_size: int) -> int:
        return math.ceil(len(self.first.examples.lengths) / batch_size)

    def before(self, epoch: int) -> Objective:
        """The objective of an epoch, with its new examples."""
        if self.refresh is None:
            return self
        new = self.refresh(epoch)
        parts = {
            name: replace(part, examples=new.get(name, part.examples))
            for name, part in self.parts.items()
        }
        refreshed = replace(self, parts=parts)
        counts = [len(one.first.examples.lengths) for one in (self, refreshed)]
        if counts[0] != counts[1]:
            raise ValueError(f"the first part has {counts[1]} examples, not {counts[0]} as before")
        return refreshed

    def epoch(self, number: int, batch_size: int, names: tuple) -> list[dict[str, np.ndarray]]:
        """Indices of each part in each batch of an epoch, all of similar length.

        A further part goes through its examples in random order, again and again, so that counts of
        draws never differ by more than one.
        """
        from palimpsest.training.batches import epoch_batches

        anchor, *others = self.parts
        lengths = self.first.examples.lengths
        batches = {anchor: epoch_batches(lengths, batch_size, *names, "order", number)}
        for name in others:
            if self.parts[name].alongside:
                batches[name] = batches[anchor]
                continue
            drawn, part = self._drawn(name, number, names), self.parts[name]
            lengths, size = part.examples.lengths[drawn], batch_size * part.times
            cut = epoch_batches(lengths, size, *names, name, "order", number)
            batches[name] = [drawn[places] for places in _matched(batches[anchor], cut)]
        together = zip(*batches.values(), strict=True)
        return [dict(zip(batches, indices, strict=True)) for indices in together]

    def _drawn(self, name: str, epoch: int, names: tuple) -> np.ndarray:
        """Indices that an epoch takes of a further part."""
        part = self.parts[name]
        count = len(part.examples.lengths)
        size = len(self.first.examples.lengths) * part.times
        places = np.arange(epoch * size, (epoch + 1) * size)
        rounds = {
            number: numpy_generator(*names, name, int(number)).permutation(count)
            for number in np.unique(places // count)
        }
        return np.array([rounds[place // count][place % count] for place in places])

    def joined(self, means: dict[str, torch.Tensor]) -> torch.Tensor:
        if self.join is not None:
            return self.join(means)
        weights = self.weights or dict.fromkeys(means, 1.0)
        return sum(weights[name] * mean for name, mean in means.items())

    def slopes(self, means: dict[str, torch.Tensor]) -> dict[str, float]:
        """How the joined value grows with each mean."""
        leaves = {name: mean.detach().clone().requires_grad_() for name, mean in means.items()}
        self.joined(leaves).backward()
        return {
            name: 0.0 if leaf.grad is None else float(leaf.grad) for name, leaf in leaves.items()
        }


def _matched(batches: list[np.ndarray], others: list[np.ndarray]) -> list[np.ndarray]:
    """The others, ordered so that their batch that is not full goes with the one that is not
    full."""
    order = np.argsort(np.argsort([len(batch) for batch in batches], kind="stable"))
    return [sorted(others, key=len)[place] for place in order]
