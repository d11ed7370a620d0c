"""Fine-tuning of all weights or by adapters, and what it adds to a model, for methods that subtract
it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from palimpsest.models.arithmetic import add, assign, difference, weights_of
from palimpsest.training.objective import Objective, Part

if TYPE_CHECKING:
    from palimpsest.methods.contract import Adapted
    from palimpsest.methods.run import Run
    from palimpsest.training.examples import Examples
    from palimpsest.training.settings import Training


def adapted(run: Run, settings: Adapted, phase: str) -> torch.nn.Module:
    """The model with fresh adapters, which alone are trained."""
    from palimpsest.models.adapters import with_adapters

    names = (*run.names, phase, "adapters")
    return with_adapters(run.model, settings.rank, settings.alpha, settings.adapter_dropout, *names)


def learnt(
    run: Run, examples: Examples, phase: str, training: Training, adapters: Adapted | None
) -> dict[str, torch.Tensor]:
    """FT(theta, examples) - theta, by the name of the weight: all weights are tuned, or
    ``adapters`` alone. A separate phase; the model is left as it was."""
    from palimpsest.models.adapters import taken_off

    objective = Objective({phase: Part(examples, run.likelihood)})
    if adapters:
        model = adapted(run, adapters, phase)
        run.train(objective, training, phase, model=model)
        return taken_off(model)
    before = weights_of(run.model)
    run.train(objective, training, phase)
    vector = difference(run.model, before)
    assign(run.model, before)
    return vector


def teach(run: Run, examples: Examples, settings: Adapted, tune: Literal["full", "lora"]) -> None:
    """Fine-tune the model on examples, in the phase `train`; adapters are merged into its
    weights."""
    from palimpsest.models.adapters import taken_off

    objective = Objective({"learn": Part(examples, run.likelihood)})
    if tune == "full":
        run.train(objective, settings)
        return
    model = adapted(run, settings, "learn")
    run.train(objective, settings, model=model)
    add(run.model, taken_off(model), 1.0)
