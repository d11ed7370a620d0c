"""Classifiers: a text has one label, and one prediction counts."""

from __future__ import annotations

from pathlib import Path

import torch

from palimpsest.models.classifier import load_classifier, make_classifier
from palimpsest.models.tokenizers import encode as encode_texts
from palimpsest.tracks.classification.examples import ClassificationExamples
from palimpsest.training.predictions import Predictions

GENERATES = False


def make(settings: dict, tokenizer, head: dict, *names: object) -> torch.nn.Module:
    return make_classifier(settings, tokenizer, head["classes"], *names)


def load(source: str | Path, tokenizer, head: dict) -> torch.nn.Module:
    return load_classifier(source, tokenizer, head["classes"])


def encode(records, tokenizer, settings: dict) -> tuple[ClassificationExamples, int]:
    """Texts longer than `max_length` are cut, and counted."""
    token_ids, cut = encode_texts(tokenizer, records["text"].tolist(), settings["max_length"])
    return ClassificationExamples(token_ids, records["label"].tolist(), tokenizer.pad_token_id), cut


def predict(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Predictions:
    """One prediction per example, over its classes."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return Predictions(logits, batch["labels"], torch.arange(len(logits), device=logits.device))


def subset(examples: ClassificationExamples, indices) -> ClassificationExamples:
    """Some of the examples."""
    return ClassificationExamples(
        [examples.token_ids[i] for i in indices],
        [examples.labels[i] for i in indices],
        examples.pad_id,
    )
