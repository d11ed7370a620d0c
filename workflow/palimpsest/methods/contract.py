"""The contract of methods that train or edit a model.

A method is a module with one `METHOD`. It defines its settings and how it makes a model forget:
usually by an `objective`, which the training loop minimises, or by `unlearn`, which changes
`run.model` by any means: phases of training, arithmetic on weights, edits. What the graph must know
of it before anything is computed is in the registry.

Imported while the graph is built: no torch here, nor at the top of a method's module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from palimpsest.training.settings import Count, Share, Training, Weight

if TYPE_CHECKING:
    from palimpsest.methods.run import Run
    from palimpsest.training.loop import Masks
    from palimpsest.training.objective import Objective


class Unchanged(Exception):
    """Raised where a method or an attack has nothing to work on, with the reason: the model stays
    as it is, and its report says why. A request may have no training records."""


@dataclass(frozen=True)
class Forgetting:
    """Settings of every method. order: `sequential` starts from the method's model after the
    previous request and forgets this request; `batch` starts from the base and forgets all requests
    so far at once."""

    order: Literal["sequential", "batch"] = "sequential"


@dataclass(frozen=True)
class Trained(Forgetting, Training):
    """Settings of a method that trains: also those of the training loop."""


@dataclass(frozen=True)
class Retaining:
    """Settings of a method with a term on the retained data, weighted by ``retain_weight``: `nll`,
    their negative log-likelihood, or `kl`, KL(model before this request || model) on them."""

    retain_weight: Weight = 1.0
    retain: Literal["nll", "kl"] = "nll"


@dataclass(frozen=True)
class Adapted:
    """Settings of a method that may tune low-rank adapters (LoRA) instead of all weights: rank,
    alpha (alpha / rank scales what they add) and the dropout before them; values as usual with
    peft."""

    rank: Count = 8
    alpha: Count = 16
    adapter_dropout: Share = 0.05


@dataclass(frozen=True)
class Answering:
    """Settings of a method that learns other answers to the forgotten prompts. answers: `one`, the
    ``answer``, to all of them; `new`, those of the data, in the column new_answer: records without
    one are not learnt."""

    answers: Literal["one", "new"] = "one"
    answer: str = "I don't know."


@dataclass(frozen=True)
class Sampling:
    """Settings of a method with ``sampled`` auxiliaries. sample: the share of the retained data
    that they learn with their set."""

    sample: Share = 0.05


@dataclass(frozen=True)
class Taught:
    """Settings of a method that is given teachers. sharding: the study's sharding whose teachers
    they are (default: the first of several shards)."""

    sharding: str | None = None


@dataclass(frozen=True)
class Method:
    """Settings: a frozen dataclass, the one place of bounds, defaults and their sources.

    objective(run, settings) is what is minimised; unlearn(run, settings) changes `run.model`. One
    of the two is given; with an objective, masks(run, settings) may say what is trained of the
    model, and after(run, settings) note what became of it (`Run.note`). asks_teachers(settings):
    whether the targets of examples come from teachers that have not seen them, so that no example
    may have been seen by all teachers. judges(settings): names of the study's judges that the
    method asks for, by its settings. reads(settings): tokens that it reads beside the data, as far
    as its settings tell: what schedulers are asked for.
    """

    Settings: type
    objective: Callable[[Run, Any], Objective] | None = None
    unlearn: Callable[[Run, Any], None] | None = None
    masks: Callable[[Run, Any], Masks] | None = None
    after: Callable[[Run, Any], None] | None = None
    asks_teachers: Callable[[Any], bool] = lambda settings: False
    judges: Callable[[Any], list[str]] = lambda settings: []
    reads: Callable[[Any], int] = lambda settings: 0

    def __post_init__(self):
        if (self.objective is None) == (self.unlearn is None):
            raise ValueError("a method has an objective, or a way of its own to unlearn")

    def change(self, run: Run, settings: Any) -> None:
        """Make `run.model` forget; what is watched is noted before it is changed, and afterwards.

        The training loop does so where there is an objective, and in a phase `train`.
        """
        if self.unlearn:
            run.look()
            self.unlearn(run, settings)
            if "train" not in run.phases:
                run.look()
        else:
            masks = self.masks(run, settings) if self.masks else None
            run.train(self.objective(run, settings), settings, masks=masks, goes_on=False)
            if self.after:
                self.after(run, settings)


@dataclass(frozen=True)
class Auxiliary:
    """A further model that a method needs: a node of the graph, shared by all methods that ask for
    it.

    name: identifies the model, whichever methods ask for it. learns: the set that it learns; where
    it is ``sampled``, with a sample of the retained data (Sampling). start: its initial weights: an
    untrained model like the base (`fresh`), the `base`, or the method's model after the previous
    request (`previous`). settings: of its training, where they differ from the study's section
    `training`.
    """

    name: str
    learns: Literal["forget", "extra"]
    start: Literal["fresh", "base", "previous"] = "fresh"
    sampled: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)
