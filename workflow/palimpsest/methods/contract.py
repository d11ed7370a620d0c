"""What a method that trains or edits a model is: the contract under which all of them fit.

A method is a module with one `METHOD`. It says what its settings are and how it makes a model
forget: by an `objective` that the one loop minimises, which is the ordinary case, or by `unlearn`,
which changes `run.model` by any means: phases of training, arithmetic on weights, edits. What the
graph must know of it before anything is computed stands in its line of the registry.

Imported while the graph is built: no torch here, nor at the top of a method's module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from palimpsest.training.settings import Count, Share, Training, Weight

if TYPE_CHECKING:
    from palimpsest.methods.run import Run
    from palimpsest.training.loop import Masks
    from palimpsest.training.objective import Objective


@dataclass(frozen=True)
class Forgetting:
    """What every method's settings have. order: `sequential` forgets what the request names, from
    the method's own model of the request before; `batch` all requests up to it at once, from the
    base."""

    order: Literal["sequential", "batch"] = "sequential"


@dataclass(frozen=True)
class Trained(Forgetting, Training):
    """Of a method that trains: also what the loop takes."""


@dataclass(frozen=True)
class Retaining:
    """Of a method with a term on the retained data, times ``retain_weight``: `nll`, their negative
    log-likelihood, or `kl`, how far the model is from what it said of them before this request."""

    retain_weight: Weight = 1.0
    retain: Literal["nll", "kl"] = "nll"


@dataclass(frozen=True)
class Adapted:
    """Of a method that may tune low-rank adapters (LoRA) in place of all weights: their rank,
    alpha, whose ratio to the rank scales what they add, and the dropout before them; peft's usual
    ones."""

    rank: Count = 8
    alpha: Count = 16
    adapter_dropout: Share = 0.05


@dataclass(frozen=True)
class Method:
    """Settings: a frozen dataclass, the one place of bounds, defaults and their sources.

    objective(run, settings) is what is minimised; unlearn(run, settings) changes `run.model`. One
    of the two is given; with an objective, masks(run, settings) may say what is trained of the
    model. asks_teachers(settings): whether examples are answered by teachers that have not seen
    them, so that none may be one that all of them saw.
    """

    Settings: type
    objective: Callable[[Run, Any], Objective] | None = None
    unlearn: Callable[[Run, Any], None] | None = None
    masks: Callable[[Run, Any], Masks] | None = None
    asks_teachers: Callable[[Any], bool] = lambda settings: False

    def __post_init__(self):
        if (self.objective is None) == (self.unlearn is None):
            raise ValueError("a method has an objective, or a way of its own to unlearn")

    def change(self, run: Run, settings: Any) -> None:
        """Make `run.model` forget."""
        if self.unlearn:
            self.unlearn(run, settings)
        else:
            masks = self.masks(run, settings) if self.masks else None
            run.train(self.objective(run, settings), settings, masks=masks)


@dataclass(frozen=True)
class Auxiliary:
    """A further model that a method needs: a node of the graph, shared by all that ask for it.

    name: one name is one model, whichever methods ask for it. learns: the set that it learns, with
    a sample of the retained data, whose share is the method's setting `sample`. start: what it
    begins as: a model like the base before any training (`fresh`), the `base`, or the method's own
    model of the request before (`previous`).
    """

    name: str
    learns: Literal["forget", "extra"]
    start: Literal["fresh", "base", "previous"] = "fresh"
