"""Models of any head: from scratch, from a folder, or from the hub. Safetensors only, no remote
code."""

from __future__ import annotations

import difflib
from pathlib import Path

import torch
import transformers
from transformers import PreTrainedModel

from palimpsest.errors import Problem, UserError
from palimpsest.files import file_digests, replacing_files
from palimpsest.randomness import seed_of


def make(kind: str, settings: dict, tokenizer, names: tuple, **head) -> PreTrainedModel:
    """A fresh model by the study's `model` section; every random weight follows from ``names``.

    kind: the auto class of transformers that gives it its head; head: settings of the head, such as
    num_labels.
    """
    torch.manual_seed(seed_of(*names))
    if settings["init"] != "scratch":
        return load(kind, settings["init"], tokenizer, **head)
    # Special ids of an architecture's default config point into another vocabulary.
    special = {
        f"{role}_token_id": getattr(tokenizer, f"{role}_token_id")
        for role in ("bos", "eos", "cls", "sep")
    }
    derived = special | {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        **head,
    }
    positions = _check_config(
        transformers.AutoConfig, settings["architecture"], settings["config"], derived
    )
    room = (
        {}
        if positions & set(settings["config"])
        else {"max_position_embeddings": settings["max_length"]}
    )
    try:
        config = transformers.AutoConfig.for_model(
            settings["architecture"], **derived, **room, **settings["config"]
        )
        return getattr(transformers, kind).from_config(config)
    except Exception as error:
        # each architecture checks its settings in its own way, many not at all
        found, remedy = (
            f"{type(error).__name__}: {_said(error)}",
            f"correct it; transformers documents {settings['architecture']}",
        )
        raise UserError(
            Problem("no model can be built of these settings", "model.config", found, remedy=remedy)
        ) from None


def load(kind: str, source: str | Path, tokenizer, **head) -> PreTrainedModel:
    """A model from a folder or a hub id, in float32, with room for every token of ``tokenizer``."""
    # whatever the file holds: in half precision most updates would be rounded away
    head |= {"dtype": torch.float32}
    try:
        model = getattr(transformers, kind).from_pretrained(
            str(source), trust_remote_code=False, use_safetensors=True, **head
        )
    except OSError as error:
        remedy = (
            "give a local folder with config.json and model.safetensors, or a hub id that can be "
            "reached from here"
        )
        raise UserError(
            Problem(
                "the model cannot be loaded",
                "model.init",
                f"{source} ({_said(error)})",
                remedy=remedy,
            )
        ) from None
    if model.get_input_embeddings().num_embeddings < len(tokenizer):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


def save_model_folder(model, tokenizer, folder: Path) -> dict[str, str]:
    """Write a folder that loads with plain ``from_pretrained``, and return the SHA-256 of each
    file; the weights come last and whole."""
    transformers.utils.logging.disable_progress_bar()
    with replacing_files(folder) as beside:
        model.save_pretrained(beside, max_shard_size="1TB")
        tokenizer.save_pretrained(beside)
        digests = file_digests(beside)
    return digests


def check_context(model, max_length: int) -> None:
    """A UserError for a model that has fewer positions than a text may have tokens."""
    context = getattr(model.config, "max_position_embeddings", None)
    if context is not None and context < max_length:
        what, remedy = (
            "texts may be longer than the model's context",
            f"set max_length to {context} at most, or take another model",
        )
        raise UserError(
            Problem(what, "model.max_length", str(max_length), f"at most {context} tokens", remedy)
        )


def _check_config(configs, architecture: str, given: dict, derived: dict) -> set[str]:
    """The names under which an architecture takes its number of positions; a UserError for one that
    transformers lacks, or for a setting that its config does not have (it would be ignored) or that
    follows from the tokenizer and the data.
    """
    try:
        known = configs.for_model(architecture)
    except (ValueError, KeyError):
        remedy = "name a model type of transformers, such as gpt2 or modernbert"
        raise UserError(
            Problem(
                "there is no architecture of this name",
                "model.architecture",
                repr(architecture),
                remedy=remedy,
            )
        ) from None
    unknown = [name for name in given if name in derived or not hasattr(known, name)]
    if unknown:
        names = [
            name
            for name in {**known.to_dict(), **known.attribute_map}
            if not name.startswith("_") and name not in derived
        ]
        near = {name: difflib.get_close_matches(name, names, n=1) for name in unknown}
        remedy = "; ".join(
            f"{name!r}: {f'did you mean {found[0]!r}?' if found else 'remove it'}"
            for name, found in near.items()
        )
        raise UserError(
            Problem(
                f"{architecture} takes no such setting",
                "model.config",
                ", ".join(map(repr, unknown)),
                remedy=remedy,
            )
        )
    return {"max_position_embeddings", known.attribute_map.get("max_position_embeddings", "")}


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
