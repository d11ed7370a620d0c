"""What a causal model writes by itself: greedily after a prompt, and after every prefix of a
text."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from palimpsest.metrics.extraction import extraction_likelihood, rouge, rouge_l_recall
from palimpsest.metrics.fluency import distinct, ngram_entropy, repetition
from palimpsest.metrics.memorization import nll_per_text
from palimpsest.models.generation import greedy_continuations, greedy_suffixes
from palimpsest.tracks.causal.examples import LanguageModellingExamples
from palimpsest.tracks.causal.judged import Judge, judged
from palimpsest.tracks.causal.stored import WRITTEN
from palimpsest.tracks.causal.tokens import token_scores


def written(
    model: torch.nn.Module,
    tokenizer,
    examples: LanguageModellingExamples,
    texts: Sequence[str],
    asked: Sequence[int],
    n: int,
    batch_size: int,
    words: str = "ascii",
    others: Sequence[str] = (),
    reference: torch.nn.Module | None = None,
    judges: Mapping[str, Judge] | None = None,
    samples: int = 0,
) -> dict[str, np.ndarray]:
    """WRITTEN, (N,) each, of the N examples, and what ``judges`` say (``judged``), with so many
    ``samples``; NaN of those not ``asked``. extraction_likelihood
    (EL_n) is NaN of completions of n tokens or fewer; all else of those without a prompt, ROUGE of
    those whose completion has no word (``words``: see ``rouge_l_recall``), rouge_l_paraphrase of
    those without another answer, which ``others`` has beside each text or "", and written_nll
    without a ``reference`` to read what is written.

    texts: the true completions, with which what is written after the prompt is compared. It has as
    many tokens as they have, not 200 with the prompt as in TOFU: see ``rouge_l_recall``. Without a
    prompt a model has the start token alone, and would write one text for all records.
    """
    columns = {name: np.full(len(examples.lengths), np.nan) for name in WRITTEN}
    if not len(asked):
        return columns
    end = tokenizer.eos_token_id
    counted, lengths = examples.counted, examples.lengths
    prompted = [i for i in asked if lengths[i] - counted[i] > 1]
    prompts = [examples.token_ids[i][: lengths[i] - counted[i]] for i in prompted]
    answers = greedy_continuations(model, prompts, counted[prompted].tolist(), batch_size, end)
    said = [tokenizer.decode(ids, skip_special_tokens=True) for ids in answers]
    compared = rouge(said, [texts[i] for i in prompted], words)
    for name, values in compared.items():
        columns[name][prompted] = values
    recalls = compared["rouge_l"]
    if others:
        found = rouge_l_recall(said, [others[i] for i in prompted], words)
        columns["rouge_l_paraphrase"][prompted] = found
    for name, values in fluency(answers, end).items():
        columns[name][prompted] = values
    if reference is not None and prompted:
        columns["written_nll"][prompted] = _read(reference, prompts, answers, examples, batch_size)
    if judges and prompted:
        asked_for = counted[prompted].tolist()
        found = judged(model, tokenizer, prompts, asked_for, said, judges, samples)
        for name, values in found.items():
            columns[name] = np.full(len(examples.lengths), np.nan)
            columns[name][prompted] = values
    if unread := int(np.isnan(recalls).sum()):
        logging.warning(
            "ROUGE-L is of %d texts, not of %d: the others hold no word (`rouge_words`: %s)",
            len(recalls) - unread, len(recalls), words,
        )  # fmt: skip
    long = [i for i in asked if counted[i] > n]
    columns["extraction_likelihood"][long] = _extracted(model, examples, long, n, end, batch_size)
    return columns


def fluency(answers: Sequence[Sequence[int]], end: int | None) -> dict[str, list[float]]:
    """Numbers of each text that was written, without its end."""
    texts = [[token for token in ids if token != end] for ids in answers]
    return {
        "distinct_1": [distinct(ids, 1) for ids in texts],
        "distinct_2": [distinct(ids, 2) for ids in texts],
        "repetition": [repetition(ids) for ids in texts],
        "ngram_entropy": [ngram_entropy(ids) for ids in texts],
    }


def _read(
    reference: torch.nn.Module,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    examples: LanguageModellingExamples,
    batch_size: int,
) -> np.ndarray:
    """Mean negative log-likelihood of the tokens of each answer under another model, its end
    included, in nats."""
    texts = [[*before, *said] for before, said in zip(prompts, answers, strict=True)]
    counted = [
        [False] * len(before) + [True] * len(said)
        for before, said in zip(prompts, answers, strict=True)
    ]
    said = LanguageModellingExamples(texts, examples.pad_id, counted)
    return nll_per_text(token_scores(reference, said, batch_size))


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
