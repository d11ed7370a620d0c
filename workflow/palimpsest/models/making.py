"""Models of any head: from scratch, from a folder, or from the hub. Safetensors only, no remote
code."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from pathlib import Path

import torch
import transformers
from transformers import PreTrainedModel

from palimpsest.errors import Problem, UserError
from palimpsest.files import file_digests, replacing_files
from palimpsest.randomness import seed_of

# tokens that users add to a tokenizer, such as one for padding: their embeddings are drawn
ADDED_TOKENS = 64


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
        found = f"{type(error).__name__}: {_said(error)}"
        remedy = f"correct it; transformers documents {settings['architecture']}"
        raise UserError(
            Problem("no model can be built of these settings", "model.config", found, remedy=remedy)
        ) from None


def load(kind: str, source: str | Path, tokenizer, **head) -> PreTrainedModel:
    """A model from a folder, in float32, with room for every token of ``tokenizer``. A UserError
    where its weights are not those that its config asks for."""
    options = {
        "dtype": torch.float32,  # in half precision most updates would be rounded away
        "local_files_only": True,
        "trust_remote_code": False,
        "use_safetensors": True,
        # what is missing and what has another shape is told, for _check_weights to decide
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
    }
    try:
        model, told = getattr(transformers, kind).from_pretrained(str(source), **options, **head)
    except MemoryError:
        raise
    except Exception as error:
        # each architecture checks its config in its own way, with errors of several packages
        remedy = (
            "give a folder with a config.json of transformers and the model.safetensors that "
            "belongs to it"
        )
        found = f"{source} ({type(error).__name__}: {_said(error)})"
        raise UserError(
            Problem("the model cannot be loaded", "model.init", found, remedy=remedy)
        ) from None
    _check_weights(model, told, source, new_head="num_labels" in head)
    embedded = model.get_input_embeddings().num_embeddings
    if embedded + ADDED_TOKENS < len(tokenizer):
        what = "the tokenizer has far more tokens than the model: most would be random"
        found = f"{source}: {len(tokenizer)} tokens, {embedded} embeddings"
        remedy = "take the tokenizer that belongs to the weights"
        allowed = f"at most {embedded} tokens, and {ADDED_TOKENS} added ones"
        raise UserError(Problem(what, "model.init", found, allowed, remedy))
    if embedded < len(tokenizer):
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
        what = "texts may be longer than the model's context"
        remedy = f"set max_length to {context} at most, or take another model"
        raise UserError(
            Problem(what, "model.max_length", str(max_length), f"at most {context} tokens", remedy)
        )


def _check_config(configs, architecture: str, given: dict, derived: dict) -> set[str]:
    """The names under which an architecture takes its number of positions; a UserError for one that
    transformers lacks, or for a setting that its config does not have (it would be ignored) or that
    follows from the tokenizer and the data.
    """
    try:
        config = configs.for_model(architecture)
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
    unknown = [name for name in given if name in derived or not hasattr(config, name)]
    if unknown:
        names = [
            name
            for name in {**config.to_dict(), **config.attribute_map}
            if not name.startswith("_") and name not in derived
        ]
        near = {name: difflib.get_close_matches(name, names, n=1) for name in unknown}
        remedy = "; ".join(
            f"{name!r}: {f'did you mean {matches[0]!r}?' if matches else 'remove it'}"
            for name, matches in near.items()
        )
        raise UserError(
            Problem(
                f"{architecture} takes no such setting",
                "model.config",
                ", ".join(map(repr, unknown)),
                remedy=remedy,
            )
        )
    return {"max_position_embeddings", config.attribute_map.get("max_position_embeddings", "")}


def _check_weights(model, told: dict, source: str | Path, new_head: bool) -> None:
    """A UserError where the weights do not fit the config. With ``new_head`` those of a head may be
    missing, and then are drawn: it stands on the model's body, or on its pooler."""
    body = f"{model.base_model_prefix}."
    problems = []

    def refuse(what: str, names: Iterable[str], remedy: str) -> None:
        names = sorted(names)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        found = f"{source}: {', '.join(names[:3])}{more}"
        problems.append(Problem(what, "model.init", found, remedy=remedy))

    missing = [
        name
        for name in told["missing_keys"]
        if not new_head or (name.startswith(body) and not name.startswith(f"{body}pooler."))
    ]
    halves = _partly(model, set(told["missing_keys"]) - set(missing))
    if halves:
        remedy = "take a model with its whole head, or without one"
        refuse("a part of the head is missing, and would be random", halves, remedy)
    if missing:
        remedy = "take a whole model of this architecture: random ones in their place would be used"
        if new_head:
            remedy += "; only the head of a classifier may be missing"
        refuse("the model lacks weights", missing, remedy)
    if told["mismatched_keys"]:
        remedy = "take the config.json that belongs to the weights"
        if new_head:
            remedy += (
                f"; or, where only the head differs (`data.classes` is {model.config.num_labels}), "
                "a model without a head"
            )
        shapes = (
            f"{name} {list(held)}, not {list(asked)}"
            for name, held, asked in told["mismatched_keys"]
        )
        refuse("weights have other shapes than the config says", shapes, remedy)
    beyond = _blocks_beyond(model, told["unexpected_keys"])
    if beyond:
        remedy = "take the config.json that belongs to the weights"
        refuse("there are weights of blocks that the config does not have", beyond, remedy)
    if problems:
        raise UserError(problems)


def _partly(model, missing: set[str]) -> list[str]:
    """Those of the missing weights whose modules have others that are there."""
    names = {name for name, _ in model.named_parameters()}
    modules = {name: name.rpartition(".")[0] for name in names}
    there = {modules[name] for name in names - missing}
    return [name for name in missing & names if modules[name] in there]


def _blocks_beyond(model, names: Iterable[str]) -> set[str]:
    """The blocks of unexpected weights that the model has not: 'transformer.h.5'. Weights of other
    heads, and buffers that older versions saved, are unexpected as well, and are left out."""
    counts = {
        name: len(module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
    }
    body = f"{model.base_model_prefix}."
    counts |= {name.removeprefix(body): count for name, count in counts.items()}  # saved headless
    found = {re.match(r"(.+?)\.(\d+)\.", name) for name in names} - {None}
    return {one[0][:-1] for one in found if int(one[2]) >= counts.get(one[1], math.inf)}


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
