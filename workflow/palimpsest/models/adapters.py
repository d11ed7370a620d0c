"""Low-rank adapters (LoRA, Hu et al. 2022), by peft: put on a model, and taken off as a
difference."""

from __future__ import annotations

import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer

from palimpsest.randomness import seed_of


def with_adapters(
    model: torch.nn.Module, rank: int, alpha: int, dropout: float, *names: object
) -> PeftModel:
    """``model`` with an adapter on each of its linear maps but the head, which alone are trained;
    what they begin as is drawn by ``names``, and adds nothing. Its own weights stay as they are."""
    torch.manual_seed(seed_of(*names))
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="all-linear",
        bias="none",
    )
    with warnings.catch_warnings():  # GPT-2 has its matrices the other way round; peft sees to it
        warnings.filterwarnings("ignore", message="fan_in_fan_out")
        return get_peft_model(model, config)


def taken_off(adapted: PeftModel) -> dict[str, torch.Tensor]:
    """What the adapters add to each matrix, scaling * B A, by its name in the model; which is left
    without them."""
    found = {}
    for name, layer in adapted.get_base_model().named_modules():
        if isinstance(layer, LoraLayer):
            (adapter,) = layer.active_adapters
            found[f"{name}.weight"] = layer.get_delta_weight(adapter).detach().clone()
    adapted.unload().requires_grad_(True)
    return found
