"""Settings of trainings: each name, type, bound and default stands here, or in a method's
dataclass.

Bounds are part of the types, so that a method that has another default keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Literal, NamedTuple


class Bounds(NamedTuple):
    """What a number may be, both ends included."""

    lowest: float
    highest: float


TINY = 1e-12
Rate = Annotated[float, Bounds(TINY, 10)]  # a learning rate
Weight = Annotated[float, Bounds(0, 1e3)]  # of a term in a loss
Factor = Annotated[float, Bounds(TINY, 1e3)]  # what must not be 0, such as a temperature
Share = Annotated[float, Bounds(0, 1)]
Count = Annotated[int, Bounds(1, 10**6)]
Norm = Annotated[float, Bounds(TINY, 1e9)]
Moment = Annotated[float, Bounds(0, 0.99999)]  # how much of its past a moving average keeps


@dataclass(frozen=True)
class Training:
    """What the loop minimises with (palimpsest.training.loop): AdamW, its rate over time, batches.

    Rate, epochs, batch and linear decay are open-unlearning's; its weight decay of 0.01 and its
    epoch of warm-up on TOFU, which NPO's authors have, too, are left to studies. The gradient is
    clipped at 1, as transformers' Trainer does. batch_size: None takes all examples at once.
    micro_batch_size: examples of a forward pass; None takes the whole batch. dropout: whether the
    model's is active.
    """

    learning_rate: Rate = 1e-5
    epochs: Count = 10
    batch_size: Count | None = 32
    micro_batch_size: Count | None = None
    weight_decay: Weight = 0.0
    clip_norm: Norm | None = 1.0
    warmup_share: Share = 0.0
    schedule: Literal["linear", "constant", "cosine"] = "linear"
    betas: tuple[Moment, Moment] = (0.9, 0.999)
    dropout: bool = True


@dataclass(frozen=True)
class Computing:
    """How a training is computed, not what it minimises.

    threads and precision change the last bits; checkpoint_seconds, how often the state is saved to
    resume from, changes none.
    """

    threads: Annotated[int, Bounds(1, 1024)] = 1
    gpus: Annotated[int, Bounds(0, 1024)] = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    checkpoint_seconds: Annotated[float, Bounds(TINY, 1e9)] = 120.0


@dataclass(frozen=True)
class OfStudy(Training):
    """A study's section `training`: the base's, the oracle's and the teachers'. Without epochs the
    base is what it starts from."""

    learning_rate: Rate = 5e-4
    epochs: Annotated[int, Bounds(0, 10**5)] = 2
    weight_decay: Weight = 0.01


@dataclass(frozen=True)
class OfRecipe(Training):
    """A recipe of `pretraining`, whose epochs follow from its budget of tokens."""

    learning_rate: Rate = 1.5e-3
    batch_size: Count = 16
    warmup_share: Share = 0.02
    weight_decay: Weight = 0.01


@dataclass(frozen=True)
class OfJudge(Training):
    """An entry of `judges`: a small classifier from scratch."""

    learning_rate: Rate = 1e-3
    epochs: Count = 2
    warmup_share: Share = 0.1
    weight_decay: Weight = 0.01


def settings_from(values: Mapping, kind: type[Training] = Training) -> tuple[Training, Computing]:
    """Training and Computing from one mapping, such as a study's section `training`; TypeError for
    another key."""
    apart = {field.name for field in fields(Computing)} & set(values)
    training = {name: value for name, value in values.items() if name not in apart}
    return settings_of(kind, training), Computing(**{name: values[name] for name in apart})


def settings_of(kind: type, values: Mapping):
    """``kind`` from values as JSON has them, where a tuple is a list; TypeError for an unknown
    key."""
    tuples = {key: tuple(one) if isinstance(one, list) else one for key, one in values.items()}
    return kind(**tuples)
