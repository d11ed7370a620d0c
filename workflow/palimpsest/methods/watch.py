"""Numbers that are watched while a method changes a model: how well it still remembers some
examples of each set."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch

from palimpsest.errors import Problem, UserError
from palimpsest.randomness import numpy_generator
from palimpsest.training import loop
from palimpsest.training.examples import Examples
from palimpsest.training.objective import Objective

WATCHED = 200  # examples of a set that are watched


class Watch:
    """Memory numbers of some examples of each set, and what the method itself watches.

    unseen: the base's memory numbers on `extra`, which it never saw: from the report of the
    previous model, if that forgot an earlier request, else measured before the first update, once.
    """

    def __init__(self, track, memory, tokenizer, ngram: int, unseen: dict[str, float]):
        self.track, self.memory, self.tokenizer = track, memory, tokenizer
        self.ngram, self.unseen = ngram, unseen
        self.names: tuple = ()
        self.sets: dict[str, Examples] = {}

    def draw(self, sets: dict[str, Examples], names: tuple) -> Watch:
        """Choose the examples of each set that are watched; ``names`` seed the draw."""
        self.names, self.sets = names, {}
        for name, examples in sets.items():
            drawn = numpy_generator(*names, "watch", name).permutation(len(examples.lengths))
            self.sets[name] = self.track.subset(examples, np.sort(drawn[:WATCHED]))
        return self

    @property
    def memorization_metrics(self) -> tuple[str, ...]:
        """Names of the numbers that measure memorization."""
        return self.memory.MEMORIZATION_METRICS

    def numbers(self, model: torch.nn.Module) -> dict[str, float]:
        """Memory numbers of all sets, as SET_METRIC; to be called outside of the loop."""
        model.eval()
        with torch.inference_mode():
            numbers = self._measured(model)
        ruined = [name for name, value in numbers.items() if not math.isfinite(value)]
        if ruined:
            remedy = "have the method change the model less (its rate, its scale)"
            raise UserError(
                Problem(
                    "what is watched is not finite", "unlearning", ", ".join(ruined), remedy=remedy
                )
            )
        self._note_unseen(numbers)
        return numbers

    def extractable(self, model: torch.nn.Module, names: Iterable[str]) -> dict[str, float]:
        """What can be extracted of some examples of these sets, as SET_METRIC: slow."""
        numbers = {
            name: self.memory.extractable(
                model, self.tokenizer, self.sets[name], self.ngram, *self.names, name
            )
            for name in names
            if name in self._asked()
        }
        return _named(numbers)

    def of(self, objective: Objective) -> loop.Watch:
        """What the loop calls while it minimises ``objective``."""

        def stops(watched: list[dict]) -> bool:
            return objective.stops is not None and bool(objective.stops(watched))

        def watch(model: torch.nn.Module, earlier: list[dict]) -> tuple[dict[str, float], bool]:
            self._note_unseen(earlier[0] if earlier else {})  # after a resume
            numbers = self._measured(model)
            if objective.watched:
                numbers |= objective.watched(model, earlier)
            if objective.confirmed and (not earlier or stops([*earlier, numbers])):
                numbers |= objective.confirmed(model)
            self._note_unseen(numbers)
            return numbers, stops([*earlier, numbers])

        return watch

    def _measured(self, model: torch.nn.Module) -> dict[str, float]:
        return _named({name: self.memory.memory(model, self.sets[name]) for name in self._asked()})

    def _asked(self) -> list[str]:
        return [name for name in self.sets if name != "extra" or not self.unseen]

    def _note_unseen(self, numbers: dict[str, float]) -> None:
        keys = {name: f"extra_{name}" for name in self.memorization_metrics}
        self.unseen = self.unseen or {
            name: numbers[key] for name, key in keys.items() if key in numbers
        }


def _named(numbers: dict[str, dict[str, float]]) -> dict[str, float]:
    """Numbers by set and metric -> by SET_METRIC."""
    return {
        f"{name}_{what}": value
        for name, values in numbers.items()
        for what, value in values.items()
    }
