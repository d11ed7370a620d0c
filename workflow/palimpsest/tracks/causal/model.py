"""Models of the causal track: what they read and predict, token by token."""

from __future__ import annotations

from pathlib import Path

import torch

from palimpsest.data.prompts import encode_pairs, refuse_too_long
from palimpsest.models.causal import load_causal, make_causal
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.likelihood import counted_logits
from palimpsest.training.predictions import Predictions

GENERATES = True


def make(settings: dict, tokenizer, head: dict, *names: object) -> torch.nn.Module:
    return make_causal(settings, tokenizer, *names)


def load(source: str | Path, tokenizer, head: dict) -> torch.nn.Module:
    return load_causal(source, tokenizer)


def encode(records, tokenizer, settings: dict) -> tuple[LanguageModellingExamples, int]:
    """Nothing is cut: a text longer than `max_length` is a UserError."""
    prompts, completions = (records[name].tolist() for name in ("prompt", "completion"))
    token_ids, answers, too_long = encode_pairs(
        tokenizer, prompts, completions, settings["prompt"], settings["max_length"]
    )
    refuse_too_long(token_ids, too_long, records["record_id"].tolist(), settings["max_length"])
    return LanguageModellingExamples(token_ids, tokenizer.pad_token_id, answers), 0


def predict(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Predictions:
    """A prediction for each token of the completions, over the vocabulary."""
    logits, targets = counted_logits(model, batch)
    return Predictions(logits, targets, batch["counted"].nonzero()[:, 0])


def subset(examples: LanguageModellingExamples, indices) -> LanguageModellingExamples:
    """Some of the examples."""
    answers = None if examples.answers is None else [examples.answers[i] for i in indices]
    return LanguageModellingExamples(
        [examples.token_ids[i] for i in indices], examples.pad_id, answers
    )
