"""causal: a text is told token by token; the tokens of its completion count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from palimpsest.data.prompts import encode_pairs, refuse_too_long
from palimpsest.likelihood import counted_logits
from palimpsest.metrics.memorization import memorization_accuracy, perplexity
from palimpsest.models.causal import load_causal, make_causal
from palimpsest.scoring.causal import token_scores
from palimpsest.scoring.written import likelihood_of_extraction, written
from palimpsest.tracks.predictions import Predictions
from palimpsest.training.language_modelling import LanguageModellingExamples

FIELDS = ("prompt", "completion")
KNOWN = ("memorization_accuracy", "extraction_likelihood")  # what tells that a text is known, of ``memory`` and ``extractable``
BATCH = 32
EXTRACTED, NGRAM = 16, 10  # texts that `extractable` looks at, and n of EL_n


def make(settings: dict, tokenizer, head: dict, *names: object) -> torch.nn.Module:
    return make_causal(settings, tokenizer, *names)


def load(source: str | Path, tokenizer, head: dict) -> torch.nn.Module:
    return load_causal(source, tokenizer)


def encode(records, tokenizer, settings: dict) -> tuple[LanguageModellingExamples, int]:
    """Nothing is cut: a text longer than `max_length` is a UserError."""
    prompts, completions = (records[field].tolist() for field in FIELDS)
    token_ids, answers, too_long = encode_pairs(tokenizer, prompts, completions, settings["prompt"], settings["max_length"])
    refuse_too_long(token_ids, too_long, records["record_id"].tolist(), settings["max_length"])
    return LanguageModellingExamples(token_ids, tokenizer.pad_token_id, answers), 0


def predict(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Predictions:
    """A prediction for each token of the completions, over the vocabulary."""
    logits, targets = counted_logits(model, batch)
    return Predictions(logits, targets, batch["counted"].nonzero()[:, 0])


def subset(examples: LanguageModellingExamples, indices) -> LanguageModellingExamples:
    """Some of the examples."""
    answers = None if examples.answers is None else [examples.answers[i] for i in indices]
    return LanguageModellingExamples([examples.token_ids[i] for i in indices], examples.pad_id, answers)


def memory(model: torch.nn.Module, examples: LanguageModellingExamples) -> dict[str, float]:
    """How well the model knows texts (Jang et al. 2023): memorization accuracy; and perplexity, which no method stops by."""
    scores = token_scores(model, examples, BATCH)
    return {"memorization_accuracy": float(memorization_accuracy(scores)), "perplexity": float(perplexity(scores))}


def extractable(model: torch.nn.Module, tokenizer, examples: LanguageModellingExamples) -> dict[str, float]:
    """What can be got out of the model of the first texts, by letting it write (Jang et al. 2023): slow, so of some alone."""
    some = subset(examples, range(min(EXTRACTED, len(examples.lengths))))
    return {"extraction_likelihood": likelihood_of_extraction(model, some, NGRAM, tokenizer.eos_token_id, BATCH)}


def write(model, tokenizer, examples: LanguageModellingExamples, texts, asked, n: int, batch_size: int) -> dict[str, np.ndarray]:
    """Columns rouge_l and extraction_likelihood, NaN of examples that are not ``asked`` (palimpsest.scoring.written)."""
    return written(model, tokenizer, examples, texts, asked, n, batch_size)


def score(model: torch.nn.Module, examples: LanguageModellingExamples, batch_size: int) -> dict[str, list[np.ndarray]]:
    """Columns of a score file, a list of the counted tokens' values each: logp, correct, mean, deviation (metrics.tokens)."""
    scores = token_scores(model, examples, batch_size)
    cuts = scores.offsets[1:-1]
    return {name: np.split(getattr(scores, name), cuts) for name in ("logp", "correct", "mean", "deviation")}
