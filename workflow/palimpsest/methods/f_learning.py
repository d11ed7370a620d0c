"""f_learning: forgetting before learning (Ni et al. 2024).

    delta  = FT(theta, K_old) - theta
    theta' = theta - scale * delta          forgetting
    theta* = FT(theta', K_new)              learning

K_old is D_f. K_new has the same prompts with new answers: with `answers: new`, as in the paper,
those that the data give (`data.edits`); else all get one answer, that nothing is known. Each stage
tunes all weights or only adapters: `forget: lora` and `learn: full` is the paper's
F-Learning_LoRA-FT. With adapters delta is (alpha / r) B A, and those of the second stage are merged
into the weights.

The paper's full text and code were not available: search scale (about 0.1 to 0.7 for all weights,
up to 3 for adapters) and the learning rates of both stages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Adapted, Answering, Method, Trained
from palimpsest.training.settings import Count, Factor, Rate

if TYPE_CHECKING:
    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Answering, Adapted, Trained):
    """learning_rate and epochs are those of the second stage; those of the first begin with
    forget_."""

    scale: Factor = 0.3
    forget: Literal["full", "lora"] = "full"
    learn: Literal["full", "lora"] = "full"
    forget_learning_rate: Rate = 1e-5
    forget_epochs: Count = 10


def unlearn(run: Run, settings: Settings) -> None:
    from palimpsest.methods.answers import replaced
    from palimpsest.methods.tuning import learnt, teach
    from palimpsest.models.arithmetic import add

    answers = replaced(run, settings)
    first = replace(
        settings, learning_rate=settings.forget_learning_rate, epochs=settings.forget_epochs
    )
    adapters = settings if settings.forget == "lora" else None
    add(run.model, learnt(run, run.sets["forget"], "forget", first, adapters), -settings.scale)
    teach(run, answers, settings, settings.learn)


METHOD = Method(Settings, unlearn=unlearn)
