"""Low-rank adapters (LoRA, Hu et al. 2022), by peft: put on a model, and taken off as a
difference."""

from __future__ import annotations

import re
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer

from palimpsest.models.parts import blocks
from palimpsest.randomness import seed_of


def with_adapters(
    model: torch.nn.Module, rank: int, alpha: int, dropout: float, *names: object
) -> PeftModel:
    """``model`` with an adapter on each linear map of its blocks, so on none of its head; only
    adapters are trained. Their first values are drawn by ``names`` and add nothing. Weights of the
    model stay as they are."""
    torch.manual_seed(seed_of(*names))
    inside = "|".join(map(re.escape, blocks(model)))
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="all-linear",
        exclude_modules=rf"(?!(?:{inside})\.).*",
        bias="none",
    )
    with warnings.catch_warnings():  # GPT-2 has its matrices transposed; peft handles it
        warnings.filterwarnings("ignore", message="fan_in_fan_out")
        return get_peft_model(model, config)


def taken_off(adapted: PeftModel) -> dict[str, torch.Tensor]:
    """What the adapters add to each matrix, scaling * B A, by its name in the model; they are
    removed from it."""
    added = {}
    for name, layer in adapted.get_base_model().named_modules():
        if isinstance(layer, LoraLayer):
            (adapter,) = layer.active_adapters
            added[f"{name}.weight"] = layer.get_delta_weight(adapter).detach().clone()
    adapted.unload().requires_grad_(True)
    return added
