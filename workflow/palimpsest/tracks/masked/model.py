"""Models of the masked track: what they read, and what they say of the blank."""

from __future__ import annotations

from pathlib import Path

import torch

from palimpsest.data.prompts import refuse_too_long
from palimpsest.models.masked import hidden_logits, load_masked, make_masked
from palimpsest.tracks.masked.encoded import encode_texts
from palimpsest.tracks.masked.examples import MaskedExamples
from palimpsest.training.predictions import Predictions

GENERATES = False


def make(settings: dict, tokenizer, head: dict, *names: object) -> torch.nn.Module:
    return make_masked(settings, tokenizer, *names)


def load(source: str | Path, tokenizer, head: dict) -> torch.nn.Module:
    return load_masked(source, tokenizer)


def encode(records, tokenizer, settings: dict) -> tuple[MaskedExamples, int]:
    """Nothing is cut: a text longer than `max_length` is a UserError."""
    names = records["record_id"].tolist()
    prompts, completions = (records[name].tolist() for name in ("prompt", "completion"))
    examples = encode_texts(tokenizer, prompts, completions, names)
    too_long = (examples.lengths > settings["max_length"]).nonzero()[0].tolist()
    refuse_too_long(examples.token_ids, too_long, names, settings["max_length"])
    return examples, 0


def predict(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Predictions:
    """A prediction for each hidden token, over the vocabulary."""
    counted = batch["counted"]
    logits = hidden_logits(model, batch["input_ids"], batch["attention_mask"], counted)
    return Predictions(logits, batch["truth"][counted], counted.nonzero()[:, 0])


def subset(examples: MaskedExamples, indices) -> MaskedExamples:
    """Some of the examples."""
    lists = (examples.token_ids, examples.answers, examples.hidden)
    chosen = ([one[i] for i in indices] for one in lists)
    return MaskedExamples(*chosen, examples.pad_id, examples.mask_id)
