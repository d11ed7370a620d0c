"""Causal language models; see making.py."""

from __future__ import annotations

from pathlib import Path

import torch

from palimpsest.models.making import load, make

KIND = "AutoModelForCausalLM"


def make_causal(settings: dict, tokenizer, *names: object) -> torch.nn.Module:
    """A fresh model by the study's `model` section; every random weight follows from ``names``."""
    return make(KIND, settings, tokenizer, names)


def load_causal(source: str | Path, tokenizer) -> torch.nn.Module:
    """A model from a folder, with room for every token of ``tokenizer``."""
    return load(KIND, source, tokenizer)
