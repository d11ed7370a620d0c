"""rmu: representation misdirection (Li et al. 2024, WMDP).

    L = forget_weight * mean over D_f of mse(h, u) + retain_weight * mean over D_r of mse(h, h_ref)
    u = coefficient * r / |r|,   r ~ U(0, 1) in each dimension, drawn once

h are the hidden states that the block ``layer`` puts out, those of the model before this request
h_ref; mse is the mean over their dimensions, and over a record's tokens of the completion, or all
tokens of a classifier's text. Only weights that match ``parts`` are trained, patterns of names of
modules or parameters: by default the output projections of the feed-forward layers of that block
and of the two before it, as the authors have it; open-unlearning trains all ("*").

Departures: the authors' code counts all tokens, padding too; open-unlearning divides the sum over a
record's tokens by the count of every other record of the batch as well (a broadcast).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from palimpsest.methods.contract import Method, Retaining, Trained
from palimpsest.training.objective import Objective, Part
from palimpsest.training.settings import Count, Factor, Weight

if TYPE_CHECKING:
    import torch

    from palimpsest.methods.run import Run


@dataclass(frozen=True)
class Settings(Retaining, Trained):
    """layer counts from 1; the default is the middle one (open-unlearning: 7 of 16).
    coefficient 2 and weights of 1 are open-unlearning's; the authors have 20 and a retain_weight of
    100, or 6.5 and 1200. retain: `hidden` is the term above."""

    layer: Count | None = None
    coefficient: Factor = 2.0
    parts: tuple[str, ...] | None = None
    forget_weight: Weight = 1.0
    retain: Literal["hidden", "nll", "kl"] = "hidden"


def misdirection_sum(
    states: torch.Tensor, wanted: torch.Tensor, counted: torch.Tensor
) -> torch.Tensor:
    """states (B, T, d), wanted (B, T, d) or (d,), counted (B, T) bool, some in each row -> (): sum
    over rows of the mean, over what counts in it, of the mean squared difference."""
    from palimpsest.training.losses import wide

    each = (wide(states) - wide(wanted)).square().mean(dim=-1)
    return ((each * counted).sum(dim=1) / counted.sum(dim=1)).sum()


def control(size: int, coefficient: float, *names: object) -> torch.Tensor:
    """(size,) the vector that hidden states are driven to; ``names`` seed its direction."""
    import numpy as np
    import torch

    from palimpsest.randomness import numpy_generator

    drawn = numpy_generator(*names).random(size)
    return torch.from_numpy(coefficient * drawn / np.linalg.norm(drawn))


def objective(run: Run, settings: Settings) -> Objective:
    import torch

    from palimpsest.methods.run import retain_part

    block = block_of(run.model, settings)
    wanted = control(run.model.config.hidden_size, settings.coefficient, *run.names, "control")
    wanted = wanted.to(run.device, next(run.model.parameters()).dtype)

    def forget(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return misdirection_sum(hidden(run, model, batch, block), wanted, counted(batch))

    def retain(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad(), run.arithmetic():
            before = hidden(run, run.reference, batch, block)
        return misdirection_sum(hidden(run, model, batch, block), before, counted(batch))

    parts = {
        "forget": Part(run.sets["forget"], forget, per="example"),
        "retain": Part(run.sets["retain"], retain, per="example")
        if settings.retain == "hidden"
        else retain_part(run, settings),
    }
    weights = {"forget": settings.forget_weight, "retain": settings.retain_weight}
    return Objective(parts, weights)


def counted(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """(B, T) bool: the tokens of the completions, or all of a text that has none."""
    return batch["counted"] if "counted" in batch else batch["attention_mask"].bool()


def hidden(
    run: Run, model: torch.nn.Module, batch: dict[str, torch.Tensor], block: str
) -> torch.Tensor:
    """(B, T, d): what the block puts out."""
    found: list[torch.Tensor] = []

    def note(module, given, output) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)

    plain = getattr(model, "module", model)  # of several processes
    handle = plain.get_submodule(block).register_forward_hook(note)
    try:
        run.predict(model, batch)
    finally:
        handle.remove()
    return found[-1]


def block_of(model: torch.nn.Module, settings: Settings) -> str:
    """The name of the block ``layer``. A UserError where the model has fewer."""
    from palimpsest.errors import Problem, UserError

    names = outer_blocks(model)
    layer = (len(names) + 1) // 2 if settings.layer is None else settings.layer
    if layer > len(names):
        raise UserError(
            Problem(
                "the model has no such block",
                "method rmu, layer",
                str(layer),
                f"1 to {len(names)}",
                "correct it",
            )
        )
    return names[layer - 1]


def outer_blocks(model: torch.nn.Module) -> list[str]:
    """Names of the blocks, without lists of modules inside of them."""
    from palimpsest.models.parts import blocks

    names = blocks(model)
    return [name for name in names if not any(name.startswith(f"{other}.") for other in names)]


def masks(run: Run, settings: Settings) -> dict[str, bool]:
    from palimpsest.models.parts import feed_forward_outputs, parameters_named

    parts = settings.parts
    if parts is None:
        names = outer_blocks(run.model)
        last = names.index(block_of(run.model, settings))
        trained = [f"{name}." for name in names[max(last - 2, 0) : last + 1]]
        outputs = feed_forward_outputs(run.model)
        parts = [name for name in outputs if any(map(name.startswith, trained))]
    return dict.fromkeys(parameters_named(run.model, parts), True)


METHOD = Method(Settings, objective, masks=masks)
