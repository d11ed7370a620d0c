"""Parts of a model, by name: what methods that train or edit only some of it choose from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

import torch

from palimpsest.errors import Problem, UserError


class FeedForward(NamedTuple):
    """Names, within a block, of the modules of its feed-forward layer, and of the output
    projection, whose inputs are its neurons."""

    modules: tuple[str, ...]
    out: str


# As model families call them.
FEED_FORWARD = (
    FeedForward(("mlp",), "mlp.c_proj"),  # GPT-2, GPT-Neo
    FeedForward(("mlp",), "mlp.down_proj"),  # Llama, Mistral, Qwen, Gemma
    FeedForward(("mlp",), "mlp.dense_4h_to_h"),  # GPT-NeoX, Bloom, Falcon
    FeedForward(("mlp",), "mlp.fc_out"),  # GPT-J
    FeedForward(("mlp",), "mlp.fc2"),  # Phi
    FeedForward(("mlp",), "mlp.Wo"),  # ModernBERT
    FeedForward(("fc1", "fc2"), "fc2"),  # OPT
    FeedForward(("intermediate", "output.dense"), "output.dense"),  # BERT and those built alike
    FeedForward(("ffn",), "ffn.lin2"),  # DistilBERT
    FeedForward(("ffn", "ffn_output"), "ffn_output"),  # ALBERT
)


def parameters_named(model: torch.nn.Module, patterns: Iterable[str]) -> list[str]:
    """Names of the parameters that match a pattern, or lie in a module that does, in the model's
    order; patterns as shells have them ('transformer.h.[01].mlp'). A UserError for a pattern that
    matches nothing."""
    names = [name for name, _ in model.named_parameters()]
    chosen, idle = set(), []
    for pattern in patterns:
        matching = {
            name for name in names if any(fnmatchcase(one, pattern) for one in _places(name))
        }
        chosen |= matching
        if not matching:
            idle.append(pattern)
    if idle:
        allowed = "a parameter or module of the model, such as " + ", ".join(_modules(names))
        raise UserError(
            Problem("names no part of the model", "parts", ", ".join(idle), allowed, "correct it")
        )
    return [name for name in names if name in chosen]


def blocks(model: torch.nn.Module) -> list[str]:
    """Names of the blocks: members of the lists of modules of the model without its head."""
    body = model.base_model  # the model itself, where it has no head
    prefix = next(name for name, module in model.named_modules() if module is body)
    return [
        ".".join(filter(None, (prefix, name, number)))
        for name, module in body.named_modules()
        if isinstance(module, torch.nn.ModuleList)
        for number, _ in module.named_children()
    ]


def feed_forward_layers(model: torch.nn.Module) -> list[str]:
    """Names of the modules that make up the feed-forward layers of all blocks."""
    return [f"{block}.{name}" for block, layer in _feed_forward(model) for name in layer.modules]


def feed_forward_outputs(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """The output projection of each block's feed-forward layer, by name, from the first block
    on."""
    names = [f"{block}.{layer.out}" for block, layer in _feed_forward(model)]
    return {name: model.get_submodule(name) for name in names}


def _feed_forward(model: torch.nn.Module) -> Iterator[tuple[str, FeedForward]]:
    """Each block that has a feed-forward layer, and what is called how in it. A UserError for a
    model in which none is known."""
    modules, found = {name for name, _ in model.named_modules()}, False
    for block in blocks(model):
        for layer in FEED_FORWARD:
            if all(f"{block}.{name}" in modules for name in (*layer.modules, layer.out)):
                found = True
                yield block, layer
                break
    if not found:
        raise UserError(
            Problem(
                "the feed-forward layers of this model are not known",
                "model",
                model.config.model_type,
                ", ".join(layer.out for layer in FEED_FORWARD),
                "name the parts to train, where the method has `parts`; choose another method; or "
                "add what they are called to palimpsest/models/parts.py",
            )
        )


def neurons(module: torch.nn.Module) -> torch.Tensor:
    """(d_ff, d): what each input of a map adds to its output, a view of its weights."""
    is_linear = isinstance(module, torch.nn.Linear)  # GPT-2's Conv1D has it transposed
    return module.weight.T if is_linear else module.weight


def _places(name: str) -> list[str]:
    """A name and those of the modules that it lies in."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _modules(names: list[str]) -> list[str]:
    modules = dict.fromkeys(name.rpartition(".")[0] for name in names)
    return [name for name in modules if name][:6]
