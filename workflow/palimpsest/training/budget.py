"""How long a training may last by the tokens that it may cost, instead of by epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from palimpsest.errors import Problem, UserError
from palimpsest.training.objective import Objective


@dataclass(frozen=True)
class Measured(Objective):
    """An objective whose epochs are so many batches of those that it has anyway, in their order: so
    that a whole number of them costs what there is to spend, and the schedule ends with it."""

    per_epoch: int = 1

    def steps_per_epoch(self, batch_size: int) -> int:
        return self.per_epoch

    def epoch(self, number: int, batch_size: int, names: tuple) -> list[dict[str, np.ndarray]]:
        length = super().steps_per_epoch(batch_size)
        first = number * self.per_epoch
        passes = range(first // length, (first + self.per_epoch - 1) // length + 1)
        given = (Objective.epoch(self, one, batch_size, names) for one in passes)
        batches = [batch for some in given for batch in some]
        start = first - passes[0] * length
        return batches[start : start + self.per_epoch]


def within(
    objective: Objective, tokens: float, batch_size: int, names: tuple
) -> tuple[Measured, int]:
    """The objective with epochs of another length, and the number of them that costs ``tokens`` at
    most: so many updates that one more would exceed it, but for a few, as epochs have equal length;
    of numbers from half as many as there would be that one is taken which leaves out the fewest.
    names: those of the training, by which its batches are drawn.

    Of an objective that makes new examples the first ones are counted.
    """
    length, spent, updates = objective.steps_per_epoch(batch_size), 0.0, 0
    for epoch in range(math.ceil(tokens) + 1):  # a batch has a token at least
        for batch in objective.epoch(epoch, batch_size, names):
            spent += cost(objective, batch)
            if spent > tokens:
                break
            updates += 1
        if spent > tokens:
            break
    if not updates:
        found, allowed = f"{max(tokens, 0):,.0f} tokens left", f"at least {spent:,.0f}, one update"
        remedy = "raise tuning.budget, or lower batch_size"
        raise UserError(Problem("the budget is spent", "training", found, allowed, remedy))
    usual = math.ceil(updates / length)
    counts = range(max(usual // 2, 1), min(usual, updates) + 1)
    epochs = max(counts, key=lambda count: (updates // count * count, -abs(count - usual)))
    given = {one.name: getattr(objective, one.name) for one in fields(Objective)}
    if objective.paced:
        objective.paced(updates // epochs)
    return Measured(**given, per_epoch=updates // epochs), epochs


def cost(objective: Objective, batch: dict[str, np.ndarray]) -> int:
    """Tokens of an update, as the loop counts them: padding does not count."""
    return sum(int(part.examples.lengths[batch[name]].sum()) for name, part in
               objective.parts.items())  # fmt: skip
