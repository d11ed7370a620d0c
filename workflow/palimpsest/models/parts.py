"""Parts of a model, by name: what methods that train or edit only some of it choose from."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import torch

from palimpsest.errors import Problem, UserError

# The map out of a block's feed-forward layer, whose inputs are its neurons, as model families call
# it.
FEED_FORWARD_OUT = (
    "mlp.c_proj",  # GPT-2, GPT-Neo
    "mlp.down_proj",  # Llama, Mistral, Qwen, Gemma
    "mlp.dense_4h_to_h",  # GPT-NeoX, Bloom, Falcon
    "mlp.fc_out",  # GPT-J
    "mlp.fc2",  # Phi
    "fc2",  # OPT
)


def parameters_named(model: torch.nn.Module, patterns: Iterable[str]) -> list[str]:
    """Names of the parameters that a pattern names, or that lie in a module which one does, in the
    model's order; patterns as shells have them ('transformer.h.[01].mlp'). A UserError for a
    pattern that names nothing."""
    names = [name for name, _ in model.named_parameters()]
    chosen, idle = set(), []
    for pattern in patterns:
        found = {name for name in names if any(fnmatchcase(one, pattern) for one in _places(name))}
        chosen |= found
        if not found:
            idle.append(pattern)
    if idle:
        allowed = "a parameter or module of the model, such as " + ", ".join(_modules(names))
        raise UserError(
            Problem("names no part of the model", "parts", ", ".join(idle), allowed, "correct it")
        )
    return [name for name in names if name in chosen]


def feed_forward_outputs(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """The map out of each block's feed-forward layer, by name, from the first block on. A UserError
    for a model in which none is known."""
    for suffix in FEED_FORWARD_OUT:
        found = {
            name: module for name, module in model.named_modules() if name.endswith(f".{suffix}")
        }
        if found:
            return found
    raise UserError(
        Problem(
            "the feed-forward layers of this model are not known",
            "model",
            model.config.model_type,
            ", ".join(FEED_FORWARD_OUT),
            "choose another method, or add its name to palimpsest/models/parts.py",
        )
    )


def neurons(module: torch.nn.Module) -> torch.Tensor:
    """(d_ff, d): what each input of a map adds to its output, a view of its weights."""
    is_linear = isinstance(module, torch.nn.Linear)  # GPT-2's Conv1D has it the other way round
    return module.weight.T if is_linear else module.weight


def _places(name: str) -> list[str]:
    """A name and those of the modules that it lies in."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _modules(names: list[str]) -> list[str]:
    found = dict.fromkeys(name.rpartition(".")[0] for name in names)
    return [name for name in found if name][:6]
