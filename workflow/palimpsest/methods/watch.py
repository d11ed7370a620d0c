"""What is watched while a method changes a model: how well it still knows some of each set."""

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
    """Numbers of memory on some examples of each set, and what the method itself watches.

    unseen: what the base knew of unseen text, by the names of memory's numbers: as the model before
    says, which forgot an earlier request, or, where it has forgotten nothing yet, as is found
    before the first update. Unseen text is not looked at again.
    """

    def __init__(self, track, scorer, tokenizer, ngram: int, unseen: dict[str, float]):
        self.track, self.scorer, self.tokenizer = track, scorer, tokenizer
        self.ngram, self.unseen = ngram, unseen
        self.names: tuple = ()
        self.sets: dict[str, Examples] = {}

    def draw(self, sets: dict[str, Examples], names: tuple) -> Watch:
        """Choose the examples of each set that are watched, by ``names``."""
        self.names, self.sets = names, {}
        for name, examples in sets.items():
            drawn = numpy_generator(*names, "watch", name).permutation(len(examples.lengths))
            self.sets[name] = self.track.subset(examples, np.sort(drawn[:WATCHED]))
        return self

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the numbers that say how well examples are known."""
        return self.scorer.KNOWN

    def numbers(self, model: torch.nn.Module) -> dict[str, float]:
        """Of each set, under its name; outside of a training."""
        model.eval()
        with torch.inference_mode():
            found = self._memory(model)
        ruined = [name for name, value in found.items() if not math.isfinite(value)]
        if ruined:
            remedy = "have the method change the model less (its rate, its scale)"
            raise UserError(
                Problem(
                    "what is watched is not finite", "unlearning", ", ".join(ruined), remedy=remedy
                )
            )
        self._learn_of_unseen(found)
        return found

    def extractable(self, model: torch.nn.Module, names: Iterable[str]) -> dict[str, float]:
        """What can be extracted of some examples of these sets, under their names: slower to
        have."""
        found = {
            name: self.scorer.extractable(
                model, self.tokenizer, self.sets[name], self.ngram, *self.names, name
            )
            for name in names
            if name in self._asked()
        }
        return _named(found)

    def of(self, objective: Objective) -> loop.Watch:
        """What the loop calls while it minimises ``objective``."""

        def stops(watched: list[dict]) -> bool:
            return objective.stops is not None and bool(objective.stops(watched))

        def watch(model: torch.nn.Module, earlier: list[dict]) -> tuple[dict[str, float], bool]:
            self._learn_of_unseen(earlier[0] if earlier else {})  # of one that goes on after a kill
            numbers = self._memory(model)
            if objective.watched:
                numbers |= objective.watched(model, earlier)
            if objective.confirmed and (not earlier or stops([*earlier, numbers])):
                numbers |= objective.confirmed(model)
            self._learn_of_unseen(numbers)
            return numbers, stops([*earlier, numbers])

        return watch

    def _memory(self, model: torch.nn.Module) -> dict[str, float]:
        return _named({name: self.scorer.memory(model, self.sets[name]) for name in self._asked()})

    def _asked(self) -> list[str]:
        return [name for name in self.sets if name != "extra" or not self.unseen]

    def _learn_of_unseen(self, numbers: dict[str, float]) -> None:
        found = {name: f"extra_{name}" for name in self.known}
        self.unseen = self.unseen or {
            name: numbers[key] for name, key in found.items() if key in numbers
        }


def _named(numbers: dict[str, dict[str, float]]) -> dict[str, float]:
    """Of each set, under its name."""
    return {
        f"{name}_{what}": value
        for name, values in numbers.items()
        for what, value in values.items()
    }
