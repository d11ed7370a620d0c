"""How much of a text a causal model knows by heart, from the scores of its tokens: no text is
generated.

Each metric comes twice: ``*_per_text`` gives (n,) float64, one value a text; the plain name takes
``weights`` too, None, (n,) or (B, n), and gives () or (B,). The end of text counts unless it is
said to be left out.
"""

from __future__ import annotations

import numpy as np

from palimpsest.metrics.inputs import ratio, record_weights, weighted_mean
from palimpsest.metrics.tokens import TokenScores


def nll_per_text(scores: TokenScores) -> np.ndarray:
    """Mean negative log-likelihood of each text's tokens, in nats, (n,); [0, inf)."""
    return -scores.per_text(scores.logp)


def total_nll_per_text(scores: TokenScores) -> np.ndarray:
    """Negative log-likelihood of each whole text, in nats, (n,); [0, inf)."""
    return nll_per_text(scores) * scores.lengths


def perplexity_per_text(scores: TokenScores) -> np.ndarray:
    """exp(NLL / |y|) of each text, (n,); [1, inf], inf where it is more than float64 holds."""
    return _exp(nll_per_text(scores))


def perplexity(scores: TokenScores, weights=None):
    """exp of the mean NLL over the tokens of all texts pooled, () or (B,); [1, inf]. Jelinek et al.
    1977.

    Long texts weigh more; neither the mean nor the geometric mean of the perplexities of the texts.
    """
    weights = record_weights(weights, len(scores))
    return _exp(ratio(weights @ total_nll_per_text(scores), weights @ scores.lengths))


def probability_per_text(scores: TokenScores) -> np.ndarray:
    """exp(-NLL / |y|): the geometric mean of a text's token probabilities, (n,); [0, 1]."""
    return np.exp(-nll_per_text(scores))


def probability(scores: TokenScores, weights=None):
    """Mean over texts of the length-normalised probability, () or (B,); [0, 1]. Maini et al.
    2024."""
    return weighted_mean(probability_per_text(scores), weights)


def memorization_accuracy_per_text(scores: TokenScores) -> np.ndarray:
    """Share of a text's tokens that are the likeliest after the true ones before them, (n,); [0,
    1]."""
    return scores.per_text(scores.correct)


def memorization_accuracy(scores: TokenScores, weights=None):
    """Mean over texts of sum_{t=1}^{T-1} [argmax p(. | x_<t) = x_t] / (T - 1), () or (B,); [0, 1].
    Jang et al. 2023.

    Token 0 has no prediction; in a text with a prompt the tokens of the completion are taken
    instead.
    """
    return weighted_mean(memorization_accuracy_per_text(scores), weights)


def exact_memorization_per_text(scores: TokenScores) -> np.ndarray:
    """As memorization_accuracy_per_text, the end of text left out: it is easily guessed. (n,); [0,
    1]."""
    return memorization_accuracy_per_text(scores.without_last())


def exact_memorization(scores: TokenScores, weights=None):
    """Mean over texts of the share of tokens that are the likeliest, the end of text left out, ()
    or (B,); [0, 1].

    Tirumala et al. 2022; with the end of text left out as in Dorna et al. 2025.
    """
    return weighted_mean(exact_memorization_per_text(scores), weights)


def extraction_strength_per_text(scores: TokenScores, released: bool = False) -> np.ndarray:
    """1 - k / |y|, k the fewest tokens of the text after which all the others are the likeliest,
    (n,); [0, 1].

    The end of text is left out. A text whose last token is not the likeliest has k = |y| and so 0.
    ``released``: the code released by Dorna et al. looks no further than k = |y| - 1, so that no
    text lies under 1 / |y|.
    """
    scores = scores.without_last()
    lengths = scores.lengths
    # 1, 2, ... in each text
    place = np.arange(1, scores.offsets[-1] + 1) - np.repeat(scores.offsets[:-1], lengths)
    # the place of the last error, or 0
    given = np.maximum.reduceat(np.where(scores.correct, 0, place), scores.offsets[:-1])
    return 1 - (np.minimum(given, lengths - 1) if released else given) / lengths


def extraction_strength(scores: TokenScores, weights=None, released: bool = False):
    """Mean over texts of 1 - k / |y|, () or (B,); [0, 1]. Carlini et al. 2021; Dorna et al. 2025.
    See extraction_strength_per_text."""
    return weighted_mean(extraction_strength_per_text(scores, released), weights)


def _exp(values):
    """exp, inf where it overflows, without a warning: a model that unlearning ruined has a
    perplexity too."""
    with np.errstate(over="ignore"):
        return np.exp(values)
