"""A run that must not cost more than a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from palimpsest.methods.run import Run
from palimpsest.training.budget import within
from palimpsest.training.objective import Objective
from palimpsest.training.settings import Training


@dataclass
class Within(Run):
    """budget: tokens of all phases, and of what is spent beside them. planned: the phases that the
    method trains, in their order: each gets an equal share of what is left."""

    budget: float = 0.0
    planned: tuple[str, ...] = ("train",)
    exhausted: Callable[[list[dict]], bool] = lambda watched: False

    @classmethod
    def of(cls, run: Run, budget: float, planned: tuple[str, ...]) -> Within:
        given = {one.name: getattr(run, one.name) for one in fields(Run)}
        return cls(**given, budget=budget, planned=planned)

    def train(
        self, objective: Objective, training: Training, phase: str = "train", **further
    ) -> None:
        """The same, as long as the budget allows, whatever number of epochs the settings name."""
        if phase not in self.planned:
            raise ValueError(f"phase {phase!r} is none of {self.planned}: name it in the registry")
        tokens = self.left / (len(self.planned) - self.planned.index(phase))
        names = self.names if phase == "train" else (*self.names, phase)
        size = training.batch_size or len(objective.first.examples.lengths)
        bounded, epochs = within(objective, tokens, size, names)
        before, own = self.left, objective.stops or (lambda watched: False)

        def exhausted(watched: list[dict]) -> bool:
            """Whether sampling, of which nothing is known beforehand, leaves nothing."""
            sampled, done = before - self.left, (len(watched) - 1) / epochs
            return sampled > 0 and sampled + done * tokens >= tokens

        self.exhausted = exhausted
        bounded = replace(bounded, stops=lambda watched: exhausted(watched) or own(watched))
        training = replace(training, epochs=epochs)
        super().train(bounded, training, phase, **further)

    def watching(self, objective: Objective, main: bool):
        """What samples ends in time where nothing is watched, too."""
        watched = super().watching(objective, main)
        return watched or (lambda model, earlier: ({}, self.exhausted([*earlier, {}])))

    @property
    def left(self) -> float:
        """Tokens that are left of the budget."""
        trained = sum(phase["tokens"] for phase in self.phases.values())
        return self.budget - trained - sum(self.spent_tokens.values())
