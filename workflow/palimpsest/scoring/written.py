"""What a causal model writes by itself: greedily after a prompt, and after every prefix of a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from palimpsest.generation import greedy_continuations, greedy_suffixes
from palimpsest.metrics.extraction import extraction_likelihood, rouge_l_recall
from palimpsest.training.language_modelling import LanguageModellingExamples


def written(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    texts: Sequence[str],
    asked: Sequence[int],
    n: int,
    batch_size: int,
) -> dict[str, np.ndarray]:
    """rouge_l and extraction_likelihood (EL_n), (N,) each, of the N examples; NaN of those not ``asked``, and EL_n of texts of n tokens or
    fewer. texts: the true completions, which what is written after the prompt is held against, up to as many tokens as they have.
    """
    found = {name: np.full(len(examples.lengths), np.nan) for name in ("rouge_l", "extraction_likelihood")}
    if not len(asked):
        return found
    end = tokenizer.eos_token_id
    counted, lengths = examples.counted, examples.lengths
    prompts = [examples.token_ids[i][: lengths[i] - counted[i]] for i in asked]
    answers = greedy_continuations(model, prompts, int(counted[list(asked)].max()), batch_size, end)
    said = [tokenizer.decode(ids[: counted[i]], skip_special_tokens=True) for i, ids in zip(asked, answers, strict=True)]
    found["rouge_l"][list(asked)] = rouge_l_recall(said, [texts[i] for i in asked])
    long = [i for i in asked if lengths[i] > n]
    sequences = [examples.token_ids[i] for i in long]
    for i, ids, suffixes in zip(long, sequences, greedy_suffixes(model, sequences, batch_size, end), strict=True):
        found["extraction_likelihood"][i] = extraction_likelihood(suffixes, ids, n)
    return found


def likelihood_of_extraction(
    model: torch.nn.Module, examples: LanguageModellingExamples, n: int, end: int | None, batch_size: int
) -> float:
    """Mean EL_n of the texts of more than n tokens; 0 where there is none (Jang et al. 2023)."""
    sequences = [ids for ids in examples.token_ids if len(ids) > n]
    suffixes = greedy_suffixes(model, sequences, batch_size, end) if sequences else []
    values = [extraction_likelihood(*pair, n) for pair in zip(suffixes, sequences, strict=True)]
    return float(np.mean(values)) if values else 0.0
