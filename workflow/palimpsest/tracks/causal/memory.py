"""How well a causal model remembers texts: numbers that are watched while a method makes it forget
them."""

from __future__ import annotations

import numpy as np
import torch

from palimpsest.metrics.memorization import memorization_accuracy, perplexity
from palimpsest.randomness import numpy_generator
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.tokens import token_scores
from palimpsest.tracks.causal.written import likelihood_of_extraction

MEMORIZATION_METRICS = ("memorization_accuracy", "extraction_likelihood")
BATCH = 32
EXTRACTED = 16  # texts that `extractable` uses


def memory(model: torch.nn.Module, examples: LanguageModellingExamples) -> dict[str, float]:
    """Memorization accuracy (Jang et al. 2023); and perplexity, which no stopping rule uses."""
    scores = token_scores(model, examples, BATCH)
    return {
        "memorization_accuracy": float(memorization_accuracy(scores)),
        "perplexity": float(perplexity(scores)),
    }


def extractable(
    model: torch.nn.Module, tokenizer, examples: LanguageModellingExamples, n: int, *names: object
) -> dict[str, float]:
    """Mean EL_n (Jang et al. 2023) of some texts of more than n tokens, drawn by ``names``: it is
    slow. Empty where there are none."""
    long = np.flatnonzero(examples.counted > n)
    some = long[numpy_generator(*names, "extractable").permutation(len(long))[:EXTRACTED]].tolist()
    return (
        {
            "extraction_likelihood": likelihood_of_extraction(
                model, examples, some, n, tokenizer.eos_token_id, BATCH
            )
        }
        if some
        else {}
    )
