"""Sequence classifiers: from scratch, from a folder, or from the hub. Safetensors only, no remote code."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import torch

from palimpsest.errors import Problem, UserError
from palimpsest.randomness import seed_of


def make_classifier(settings: dict, tokenizer, classes: int, *names: object) -> torch.nn.Module:
    """A fresh model by the study's `model` section; every random weight follows from ``names``."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(seed_of(*names))
    if settings["init"] == "scratch":
        # Special ids of an architecture's default config point into another vocabulary.
        special = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "cls", "sep")}
        given = {"max_position_embeddings": settings["max_length"], **settings["config"]}
        config = AutoConfig.for_model(
            settings["architecture"], vocab_size=len(tokenizer), num_labels=classes,
            pad_token_id=tokenizer.pad_token_id, **special, **given,
        )  # fmt: skip
        return AutoModelForSequenceClassification.from_config(config)
    return load_classifier(settings["init"], tokenizer, classes)


def load_classifier(source: str | Path, tokenizer, classes: int) -> torch.nn.Module:
    """A model from a folder or a hub id, with room for every token of ``tokenizer``."""
    from transformers import AutoModelForSequenceClassification

    try:
        model = AutoModelForSequenceClassification.from_pretrained(
            str(source), num_labels=classes, trust_remote_code=False, use_safetensors=True
        )
    except OSError as error:
        remedy = "give a local folder with config.json and model.safetensors, or a hub id that can be reached from here"
        raise UserError(Problem("the model cannot be loaded", "model.init", f"{source} ({_first_line(error)})", remedy=remedy)) from None
    if model.get_input_embeddings().num_embeddings < len(tokenizer):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


def save_model_folder(model, tokenizer, folder: Path) -> None:
    """Write a folder that loads with plain ``from_pretrained``; model.safetensors comes last and whole."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as beside:
        model.save_pretrained(beside, max_shard_size="1TB")
        tokenizer.save_pretrained(beside)
        for path in sorted(Path(beside).iterdir(), key=lambda path: path.suffix == ".safetensors"):
            os.replace(path, folder / path.name)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:120]
