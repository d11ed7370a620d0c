"""Causal language models: from scratch, from a folder, or from the hub. Safetensors only, no remote code."""

from __future__ import annotations

from pathlib import Path

import torch

from palimpsest.errors import Problem, UserError
from palimpsest.randomness import seed_of


def make_causal(settings: dict, tokenizer, *names: object) -> torch.nn.Module:
    """A fresh model by the study's `model` section; every random weight follows from ``names``."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed_of(*names))
    if settings["init"] != "scratch":
        return load_causal(settings["init"], tokenizer)
    # Special ids of an architecture's default config point into another vocabulary.
    special = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    given = {"max_position_embeddings": settings["max_length"], **settings["config"]}
    config = AutoConfig.for_model(settings["architecture"], vocab_size=len(tokenizer), **special, **given)
    return AutoModelForCausalLM.from_config(config)


def load_causal(source: str | Path, tokenizer) -> torch.nn.Module:
    """A model from a folder or a hub id, with room for every token of ``tokenizer``."""
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(str(source), trust_remote_code=False, use_safetensors=True)
    except OSError as error:
        remedy = "give a local folder with config.json and model.safetensors, or a hub id that can be reached from here"
        found = f"{source} ({str(error).strip().split(chr(10))[0][:120]})"
        raise UserError(Problem("the model cannot be loaded", "model.init", found, remedy=remedy)) from None
    if model.get_input_embeddings().num_embeddings < len(tokenizer):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model
