"""classification: a text has one label, and one prediction counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from palimpsest.models.classifier import load_classifier, make_classifier
from palimpsest.models.tokenizers import encode as encode_texts
from palimpsest.scoring.classification import log_probabilities
from palimpsest.tracks.predictions import Predictions
from palimpsest.training.classification import ClassificationExamples

FIELDS = ("text",)
KNOWN = ("log_likelihood",)  # what tells that a text is known, of the numbers of ``memory``
BATCH = 64


def make(settings: dict, tokenizer, head: dict, *names: object) -> torch.nn.Module:
    return make_classifier(settings, tokenizer, head["classes"], *names)


def load(source: str | Path, tokenizer, head: dict) -> torch.nn.Module:
    return load_classifier(source, tokenizer, head["classes"])


def encode(records, tokenizer, settings: dict) -> tuple[ClassificationExamples, int]:
    """Texts longer than `max_length` are cut, and counted."""
    token_ids, cut = encode_texts(tokenizer, records["text"].tolist(), settings["max_length"])
    return ClassificationExamples(token_ids, records["label"].tolist(), tokenizer.pad_token_id), cut


def predict(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Predictions:
    """One prediction an example, over its classes."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return Predictions(logits, batch["labels"], torch.arange(len(logits), device=logits.device))


def subset(examples: ClassificationExamples, indices) -> ClassificationExamples:
    """Some of the examples."""
    return ClassificationExamples([examples.token_ids[i] for i in indices], [examples.labels[i] for i in indices], examples.pad_id)


def memory(model: torch.nn.Module, examples: ClassificationExamples) -> dict[str, float]:
    """How well the model knows examples: mean log-likelihood of their labels, in nats."""
    logp = log_probabilities(model, examples, BATCH)
    return {"log_likelihood": float(logp[np.arange(len(logp)), examples.labels].mean())}


def extractable(model: torch.nn.Module, tokenizer, examples) -> dict[str, float]:
    """Nothing: a classifier writes no text."""
    return {}


def score(model: torch.nn.Module, examples: ClassificationExamples, batch_size: int) -> dict[str, np.ndarray]:
    """Columns of a score file: logp_0 .. logp_{C-1} (n,), in nats."""
    rows = log_probabilities(model, examples, batch_size)
    return {f"logp_{label}": rows[:, label] for label in range(rows.shape[1])}
