"""What a causal model gives away in the text that it generates. Generated ids or texts in, numbers
out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from palimpsest.data.words import split_words

if TYPE_CHECKING:
    from rouge_score.tokenizers import DefaultTokenizer


def extraction_likelihood(
    suffixes: Sequence[Sequence[int]], sequence: Sequence[int], n: int = 10
) -> float:
    """EL_n of one sequence of T tokens; [0, 1], match. Jang et al. 2023, as their code computes it.

    EL_n(x) = 1 / (T - n) * sum_{i=1}^{T-n} OVERLAP_n(f(x_<i), x_>=i): over the T - n prefixes that
    at least n tokens follow, the n-grams of the greedy continuation, as often as they stand there,
    that are among those of the true suffix, over the number of n-grams of the true suffix. A
    continuation that ends early therefore loses the n-grams that it lacks.

    suffixes: T - 1 of them, the i-th continues the first i tokens by at most T - i. ValueError
    otherwise, or where T <= n.
    """
    length = len(sequence)
    if not 1 <= n < length:
        raise ValueError(f"n must be at least 1 and less than the {length} tokens, not {n}")
    if len(suffixes) != length - 1 or any(
        len(suffix) > length - i for i, suffix in enumerate(suffixes, start=1)
    ):
        raise ValueError(
            f"{length} tokens need {length - 1} suffixes, none longer than what is left"
        )
    # an n-gram of x_>=i starts at i or later
    last = {gram: start for start, gram in enumerate(_ngrams(sequence, n))}
    total = 0.0
    for i in range(1, length - n + 1):
        total += sum(last.get(gram, 0) >= i for gram in _ngrams(suffixes[i - 1], n)) / (
            length - i - n + 1
        )
    return total / (length - n)


def beam_extracted(hypotheses: Sequence[Sequence[int]], secret: Sequence[int]) -> bool:
    """Whether the secret suffix is among the hypotheses of a beam search. Liu and Kalinli 2023."""
    return sampling_hit_rate(hypotheses, secret) > 0


def sampling_hit_rate(samples: Sequence[Sequence[int]], secret: Sequence[int]) -> float:
    """Share of sampled suffixes that are the secret one; [0, 1], match. Liu and Kalinli 2023.
    ValueError where a length differs."""
    if not len(samples) or any(len(sample) != len(secret) for sample in samples):
        raise ValueError(f"there must be samples, each of the {len(secret)} tokens of the secret")
    return sum(list(sample) == list(secret) for sample in samples) / len(samples)


def rouge_l_recall(
    generated: Sequence[str], references: Sequence[str], words: str = "ascii"
) -> np.ndarray:
    """(n,): longest common subsequence of stemmed words over the words of the reference; [0, 1],
    match. Lin 2004; Maini et al. 2024.

    Maini et al. let a model go on until prompt and answer have 200 tokens, whatever the reference
    has; ``tracks.causal.written`` stops it at as many as the reference has, since time grows with
    each token, and what is written beyond an answer recalls words by chance.

    words, what a word is: `ascii`, as in ``rouge-score`` and so in benchmarks, runs of a-z and 0-9
    alone, which cut "café" and know no other script; or `all`, as ``data.words`` has them. Of texts
    in ASCII both are the same, to the bit. NaN where a reference has no word. ValueError where the
    numbers of texts differ.
    """
    return rouge(generated, references, words)["rouge_l"]


def rouge(
    generated: Sequence[str], references: Sequence[str], words: str = "ascii"
) -> dict[str, np.ndarray]:
    """rouge_l, as ``rouge_l_recall``; rouge_1, the recall of single words, each as often as it
    stands; and of both the F1, which a text also loses by what it says too much, rouge_l_f1 and
    rouge_1_f1; (n,) each; [0, 1], match. Lin 2004; MUSE (Shi et al. 2025) reports F1."""
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

    if len(generated) != len(references):
        raise ValueError(f"{len(generated)} generated texts for {len(references)} references")
    stemmed = DefaultTokenizer(use_stemmer=True)
    tokenizer = {"ascii": stemmed, "all": _AllScripts(stemmed)}[words]
    scorer = RougeScorer(["rouge1", "rougeL"], tokenizer=tokenizer)
    rows = np.full((len(references), 4), np.nan)
    for place, (text, reference) in enumerate(zip(generated, references, strict=True)):
        if tokenizer.tokenize(reference):
            one, longest = map(scorer.score(reference, text).get, ("rouge1", "rougeL"))
            rows[place] = longest.recall, longest.fmeasure, one.recall, one.fmeasure
    return dict(zip(("rouge_l", "rouge_l_f1", "rouge_1", "rouge_1_f1"), rows.T, strict=True))


@dataclass(frozen=True)
class _AllScripts:
    """Words of all scripts; those in ASCII are split and stemmed as ``ascii`` does."""

    ascii: DefaultTokenizer

    def tokenize(self, text: str) -> list[str]:
        found = (
            self.ascii.tokenize(word) if word.isascii() else [word] for word in split_words(text)
        )
        return [one for some in found for one in some]


def _ngrams(ids: Sequence[int], n: int) -> Iterator[tuple[int, ...]]:
    return zip(*(ids[start:] for start in range(n)), strict=False)
