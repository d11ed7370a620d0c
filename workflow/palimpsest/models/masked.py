"""Masked language models; see making.py."""

from __future__ import annotations

from pathlib import Path

import torch

from palimpsest.errors import Problem, UserError
from palimpsest.models.making import load, make

KIND = "AutoModelForMaskedLM"
ADAPT = (
    "take a masked language model (BERT, RoBERTa, ALBERT, ModernBERT); a model of another kind "
    "gets such a head where it is trained on masked text: `architecture` with `init: scratch`"
)


def make_masked(settings: dict, tokenizer, *names: object) -> torch.nn.Module:
    """A fresh model by the study's `model` section; every random weight follows from ``names``."""
    _check(settings["init"], settings.get("architecture", ""))
    return make(KIND, settings, tokenizer, names)


def load_masked(source: str | Path, tokenizer) -> torch.nn.Module:
    """A model from a folder, with room for every token of ``tokenizer``."""
    _check(str(source), "")
    return load(KIND, source, tokenizer)


def hidden_logits(
    model: torch.nn.Module,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    places: torch.Tensor,
) -> torch.Tensor:
    """Logits (N, V) at the ``places`` (B, T) bool, row after row.

    Hidden states are taken to the head at these places alone: of a small model the head over the
    vocabulary is the larger half of the work. Every masked model of transformers gives the last
    hidden states of its body, `base_model`, to its head, position by position.
    """

    def gather(module, given, output):
        output.last_hidden_state = output.last_hidden_state[places][None]
        return output

    hook = _body(model).register_forward_hook(gather)
    try:
        logits = model(input_ids=input_ids, attention_mask=attention_mask, return_dict=True).logits
    finally:
        hook.remove()
    return logits[0]


def hidden_states(
    model: torch.nn.Module, input_ids: torch.Tensor, attention_mask: torch.Tensor
) -> torch.Tensor:
    """(L, B, T, d): the embeddings of a text and what each layer makes of them, as the model gives
    them. The head, which is not asked, sees one token a text."""
    found = []

    def note(module, given, output):
        found.append(torch.stack(output.hidden_states))
        output.last_hidden_state = output.last_hidden_state[:, :1]
        return output

    hook = _body(model).register_forward_hook(note)
    try:
        model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            output_hidden_states=True,
            return_dict=True,
        )
    finally:
        hook.remove()
    return found[0]


def _body(model: torch.nn.Module) -> torch.nn.Module:
    """The model without its head."""
    plain = getattr(model, "module", model)  # as several processes wrap it
    plain = plain.get_base_model() if hasattr(plain, "get_base_model") else plain  # adapters
    return plain.base_model


def _check(source: str, architecture: str) -> None:
    """A UserError for an architecture that has no masked head."""
    import transformers

    if not architecture:
        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            architecture = transformers.AutoConfig.from_pretrained(source, **options).model_type
        except (OSError, ValueError):
            return  # what is wrong with the folder is told when it is loaded
    known = transformers.models.auto.modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    if architecture in transformers.CONFIG_MAPPING and architecture not in known:
        what, place = "this architecture has no masked head", "model.architecture"
        raise UserError(Problem(what, place, architecture, remedy=ADAPT))
