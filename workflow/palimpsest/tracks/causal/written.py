"""What a causal model writes by itself: greedily after a prompt, and after every prefix of a
text."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from palimpsest.metrics.extraction import extraction_likelihood, rouge_l_recall
from palimpsest.models.generation import greedy_continuations, greedy_suffixes
from palimpsest.tracks.causal.examples import LanguageModellingExamples


def written(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    texts: Sequence[str],
    asked: Sequence[int],
    n: int,
    batch_size: int,
    words: str = "ascii",
) -> dict[str, np.ndarray]:
    """rouge_l and extraction_likelihood (EL_n), (N,) each, of the N examples; NaN of those not
    ``asked``, rouge_l of those without a prompt or whose completion has no word (``words``: see
    ``rouge_l_recall``), and EL_n of completions of n tokens or fewer.

    texts: the true completions, with which what is written after the prompt is compared. It has as
    many tokens as they have, not 200 with the prompt as in TOFU: see ``rouge_l_recall``. Without a
    prompt a model has the start token alone, and would write one text for all records.
    """
    columns = {
        name: np.full(len(examples.lengths), np.nan)
        for name in ("rouge_l", "extraction_likelihood")
    }
    if not len(asked):
        return columns
    end = tokenizer.eos_token_id
    counted, lengths = examples.counted, examples.lengths
    prompted = [i for i in asked if lengths[i] - counted[i] > 1]
    prompts = [examples.token_ids[i][: lengths[i] - counted[i]] for i in prompted]
    answers = greedy_continuations(model, prompts, counted[prompted].tolist(), batch_size, end)
    said = [tokenizer.decode(ids, skip_special_tokens=True) for ids in answers]
    recalls = rouge_l_recall(said, [texts[i] for i in prompted], words)
    columns["rouge_l"][prompted] = recalls
    if unread := int(np.isnan(recalls).sum()):
        logging.warning(
            "ROUGE-L is of %d texts, not of %d: the others hold no word (`rouge_words`: %s)",
            len(recalls) - unread, len(recalls), words,
        )  # fmt: skip
    long = [i for i in asked if counted[i] > n]
    columns["extraction_likelihood"][long] = _extracted(model, examples, long, n, end, batch_size)
    return columns


def likelihood_of_extraction(
    model,
    examples: LanguageModellingExamples,
    asked: Sequence[int],
    n: int,
    end: int | None,
    batch_size: int,
) -> float:
    """Mean EL_n of the completions ``asked``, each of more than n tokens (Jang et al. 2023)."""
    return float(np.mean(_extracted(model, examples, list(asked), n, end, batch_size)))


def _extracted(
    model,
    examples: LanguageModellingExamples,
    chosen: list[int],
    n: int,
    end: int | None,
    batch_size: int,
) -> list[float]:
    """EL_n of the tokens that count, given the prompt, which no loss has taught the model to
    write."""
    sequences = [examples.token_ids[i] for i in chosen]
    before = [int(examples.lengths[i] - examples.counted[i]) for i in chosen]
    suffixes = greedy_suffixes(model, sequences, batch_size, end, [asked + 1 for asked in before])
    return [
        extraction_likelihood(suffix, ids[asked:], n)
        for asked, ids, suffix in zip(before, sequences, suffixes, strict=True)
    ]
