"""How natural the text is that a model writes: a model that unlearning ruined repeats itself, or
writes what nobody would. Ids of the tokens of one text in, without the end of text; a number out.

Released codes differ: some count words and not tokens; distinct-n is often counted over all texts
together (Li et al. 2016), which falls with their number, and divided by the words, so that for n
above 1 no text reaches 1. Here each text has its number, and n-grams are divided by n-grams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log2, nan

import numpy as np

from palimpsest.metrics.inputs import weighted_mean


def distinct(ids: Sequence[int], n: int) -> float:
    """Share of a text's n-grams that are different ones; (0, 1], match. After Li et al. 2016. NaN
    of fewer than n tokens."""
    counts = _counts(ids, n)
    return len(counts) / counts.total() if counts else nan


def repetition(ids: Sequence[int], n: int = 4) -> float:
    """Share of a text's n-grams that stood in it before (rep-n); [0, 1), match. Welleck et al.
    2020. NaN of fewer than n tokens."""
    return 1 - distinct(ids, n)


def ngram_entropy(ids: Sequence[int]) -> float:
    """H_2 / 3 + 2 H_3 / 3 in bits, H_n the entropy of a text's n-grams; [0, inf), match. Zhang et
    al. 2018, weighted as by Meng et al. 2022, who call it fluency. NaN of fewer than 3 tokens.

    A text of T tokens without a repetition has about log2 T: compare texts of alike lengths.
    """
    return _entropy(_counts(ids, 2)) / 3 + 2 * _entropy(_counts(ids, 3)) / 3


def written_perplexity(nll, weights=None):
    """exp of the mean over texts of nll (n,), the mean negative log-likelihood of each written
    text's tokens under another model, in nats; () or (B,); [1, inf], match. Jelinek et al. 1977.

    The other model is the oracle: it stands beside every model that is scored, which the base does
    not. Of what was forgotten it is no measure of fluency: whoever still knows it writes what the
    oracle would not. Read it on retained text, and beside ``repetition``, since a loop is likely to
    any model. A text counts once, however long: one that does not end would count for all.
    """
    with np.errstate(over="ignore"):
        return np.exp(weighted_mean(np.asarray(nll, dtype=np.float64), weights))


def _counts(ids: Sequence[int], n: int) -> Counter:
    return Counter(zip(*(ids[start:] for start in range(n)), strict=False))


def _entropy(counts: Counter) -> float:
    total = counts.total()
    return sum(-k / total * log2(k / total) for k in counts.values()) if total else nan
