"""How natural a text is, by hand, and what holds of every text."""

from __future__ import annotations

import math

import numpy as np
import pytest

from palimpsest.metrics.fluency import distinct, ngram_entropy, repetition, written_perplexity
from palimpsest.randomness import numpy_generator


def test_distinct_and_repetition_by_hand():
    """a b a b a b: 2 of 6 tokens are different, of the pairs ab ba ab ba ab 2 of 5, of the 4-grams
    abab baba abab 2 of 3."""
    text = [1, 2, 1, 2, 1, 2]
    assert [distinct(text, n) for n in (1, 2, 4)] == pytest.approx([1 / 3, 2 / 5, 2 / 3])
    assert repetition(text) == pytest.approx(1 / 3) and repetition(text, 2) == pytest.approx(3 / 5)
    assert distinct([1, 2, 3, 4], 2) == 1 and repetition([1, 2, 3, 4]) == 0
    assert repetition([7] * 100) == pytest.approx(96 / 97)


def test_entropy_by_hand():
    """a a b a a: pairs aa, ab, ba, aa: 1/2, 1/4, 1/4, 1.5 bits; triples aab, aba, baa: log2 3."""
    found = ngram_entropy([1, 1, 2, 1, 1])
    assert found == pytest.approx(1.5 / 3 + 2 / 3 * math.log2(3))
    assert ngram_entropy([5] * 9) == 0
    assert ngram_entropy(range(10)) == pytest.approx(math.log2(9) / 3 + 2 / 3 * math.log2(8))


def test_of_too_short_a_text_there_is_no_number():
    told = [distinct([], 1), distinct([1], 2), repetition([1, 2, 3]), ngram_entropy([1, 2])]
    assert np.isnan(told).all()
    assert distinct([1], 1) == 1


def test_names_of_tokens_do_not_matter_and_repeating_a_text_lowers_all():
    draw = numpy_generator("fluency")
    for _ in range(50):
        text = draw.integers(0, 6, size=20).tolist()
        other = [(token * 7 + 3) % 101 for token in text]
        for number in (lambda ids: distinct(ids, 2), repetition, ngram_entropy):
            assert number(other) == pytest.approx(number(text))
        assert 0 <= repetition(text) < 1 and ngram_entropy(text) <= math.log2(19)
        assert distinct(text * 2, 2) < distinct(text, 2) and repetition(text * 2) >= 1 / 3


def test_perplexity_of_what_is_written_by_hand():
    """Texts of 1 and 3 nats a token: exp 2; the first drawn alone, exp 1."""
    assert written_perplexity([1.0, 3.0]) == pytest.approx(math.exp(2))
    weights = np.array([[2.0, 0.0], [1.0, 1.0]])
    assert written_perplexity([1.0, 3.0], weights) == pytest.approx(np.exp([1, 2]))
    assert written_perplexity([800.0]) == np.inf
