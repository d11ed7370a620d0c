"""Arithmetic on weights: sums and differences, by the name of the parameter."""

from __future__ import annotations

from collections.abc import Mapping

import torch

Weights = Mapping[str, torch.Tensor]


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the parameters; a shared one is there once."""
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def difference(model: torch.nn.Module, before: Weights) -> dict[str, torch.Tensor]:
    """``model`` minus the weights that it had before, in float32 or wider."""
    now = model.named_parameters()
    return {name: _wide(one.detach()) - _wide(before[name]).to(one.device) for name, one in now}


def add(model: torch.nn.Module, vector: Weights, times: float) -> None:
    """Add ``times`` a vector of differences to the parameters that it names; each is rounded
    once."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, step in vector.items():
            one = parameters[name]
            one.copy_(_wide(one) + times * step.to(one.device))


def assign(model: torch.nn.Module, weights: Weights) -> None:
    """Give ``model`` these weights, bit for bit."""
    with torch.no_grad():
        for name, one in model.named_parameters():
            one.copy_(weights[name])


def _wide(values: torch.Tensor) -> torch.Tensor:
    return values if values.dtype == torch.float64 else values.float()
