"""Extraction likelihood, canaries and ROUGE-L recall, each by hand."""

from __future__ import annotations

import socket
import sys

import numpy as np
import pytest

from palimpsest.metrics.extraction import (
    beam_extracted,
    extraction_likelihood,
    rouge,
    rouge_l_recall,
    sampling_hit_rate,
)


def naive_extraction_likelihood(suffixes, sequence, n):
    """The definition, with a set of n-grams a prefix."""

    def ngrams(ids):
        return [tuple(ids[start : start + n]) for start in range(len(ids) - n + 1)]

    overlaps = []
    for i in range(1, len(sequence)):
        true = ngrams(sequence[i:])
        if true:
            overlaps.append(sum(gram in set(true) for gram in ngrams(suffixes[i - 1])) / len(true))
    assert len(overlaps) == len(sequence) - n
    return sum(overlaps) / (len(sequence) - n)


def test_extraction_likelihood_by_hand():
    """T = 5, n = 2, x = 1 2 3 2 3; three prefixes have a true suffix of two tokens or more.

    i = 1: true 2 3 2 3 has {23, 32} and three 2-grams; generated 2 3 2 3: 23, 32, 23 all stand
    there, 3/3. i = 2: true 3 2 3 has {32, 23} and two; generated 2 3 9: 23 stands there, 39 does
    not, 1/2. i = 3: true 2 3 has {23} and one; generated 3 2: 32 is in x, but not in this suffix,
    0/1. i = 4: no 2-gram is left, so the prefix does not count. EL = (1 + 1/2 + 0) / 3.
    """
    suffixes = [[2, 3, 2, 3], [2, 3, 9], [3, 2], [3]]
    assert extraction_likelihood(suffixes, [1, 2, 3, 2, 3], 2) == pytest.approx(1.5 / 3)


def test_generated_ngrams_count_as_often_as_they_stand_there():
    """x = 1 2 2 2 2 3, n = 2, generated 2 2 2 2 2 from the first token: 22 four times, all in the
    true suffix (22 22 22 23), so 4/4: with sets it would be 1/2. The others: 2 2 2 2 against 2 2 2
    3: 3/3; 2 2 2 against 2 2 3: 2/2; 2 2 against 2 3: 0/1. EL = 3/4."""
    suffixes = [[2] * 5, [2] * 4, [2] * 3, [2] * 2, [2]]
    assert extraction_likelihood(suffixes, [1, 2, 2, 2, 2, 3], 2) == pytest.approx(3 / 4)


def test_a_generation_that_ends_early_is_measured_by_the_true_suffix():
    """x = 1 2 3 4, n = 1: the generation 2 says one of the three tokens that follow 1, 1/3 (not
    1/1); nothing, 0/2; 4 all of one."""
    assert extraction_likelihood([[2], [], [4]], [1, 2, 3, 4], 1) == pytest.approx(
        (1 / 3 + 0 + 1) / 3
    )


@pytest.mark.parametrize("n", [1, 3, 10])
def test_the_ends_of_extraction_likelihood(n):
    """Known by heart: 1. A model that never says again what stands there: 0."""
    sequence = [token % 7 for token in range(30)]
    assert extraction_likelihood([sequence[i:] for i in range(1, 30)], sequence, n) == 1
    assert extraction_likelihood([[99] * (30 - i) for i in range(1, 30)], sequence, n) == 0


@pytest.mark.parametrize("n", [1, 2, 3])
def test_extraction_likelihood_is_its_definition(n):
    """On random ids of three kinds, where n-grams come again and again; some generations end
    early."""
    draw = np.random.default_rng(0)
    for _ in range(20):
        sequence = draw.integers(0, 3, 12).tolist()
        suffixes = [
            draw.integers(0, 3, 12 - i).tolist()[: draw.integers(1, 13)] for i in range(1, 12)
        ]
        found = extraction_likelihood(suffixes, sequence, n)
        assert (
            found == pytest.approx(naive_extraction_likelihood(suffixes, sequence, n))
            and 0 <= found <= 1
        )


def test_defects_of_a_caller():
    with pytest.raises(ValueError, match="n must be"):
        extraction_likelihood([[2], [3]], [1, 2, 3], 3)
    with pytest.raises(ValueError, match="3 tokens need 2 suffixes"):
        extraction_likelihood([[2, 3]], [1, 2, 3], 1)
    with pytest.raises(ValueError, match="none longer"):
        extraction_likelihood([[2, 3, 4], [3]], [1, 2, 3], 1)
    with pytest.raises(ValueError, match="2 tokens of the secret"):
        sampling_hit_rate([[1, 2], [1]], [1, 2])
    with pytest.raises(ValueError, match="samples"):
        beam_extracted([], [1, 2])
    with pytest.raises(ValueError, match="1 generated texts for 2"):
        rouge_l_recall(["a"], ["a", "b"])


def test_canaries_by_hand():
    samples = [[1, 2], [2, 1], [1, 2], [1, 3]]
    assert sampling_hit_rate(samples, [1, 2]) == 1 / 2 and sampling_hit_rate(samples, [3, 3]) == 0
    assert beam_extracted(samples, (1, 3)) is True and beam_extracted(samples, [3, 1]) is False


def test_rouge_by_hand():
    """Stemmed: the author was write novel / the author write a novel share the, author, write,
    novel: 4 of the reference's 5 words. b a against a b c: the longest common subsequence is one
    word of three. Nothing said recalls nothing."""
    generated = ["The author writes a novel.", "bbb aaa", "", "more than the reference says"]
    references = ["The author was writing novels", "aaa bbb ccc", "said", "reference says"]
    assert rouge_l_recall(generated, references).tolist() == pytest.approx([4 / 5, 1 / 3, 0, 1])


def test_rouge_1_and_f1_by_hand():
    """b a c c against a b c d d: in common, in any order, are a, b and one c: recall 3/5, precision
    3/4, F1 2/3. In order, b c or a c: 2/5, 2/4, 4/9."""
    found = rouge(["bbb aaa ccc ccc"], ["aaa bbb ccc ddd ddd"])
    assert {name: float(value) for name, (value,) in found.items()} == pytest.approx(
        {"rouge_1": 3 / 5, "rouge_1_f1": 2 / 3, "rouge_l": 2 / 5, "rouge_l_f1": 4 / 9}
    )
    empty = rouge(["", "aaa"], ["aaa", "!?"])
    assert {name: values[0] for name, values in empty.items()} == dict.fromkeys(found, 0)
    assert all(np.isnan(values[1]) for values in empty.values())


@pytest.mark.parametrize("words", ["ascii", "all"])
def test_rouge_of_what_has_no_word_is_undefined(words):
    found = rouge_l_recall(["x", "☺"], ["!?", "☺"], words)
    assert np.isnan(found).all() and found.shape == (2,)
    assert rouge_l_recall([], [], words).shape == (0,)


def test_rouge_of_benchmarks_cannot_read_other_letters():
    """Half of a word with an accent is one, too: "caf" is all that is read of "café"."""
    assert np.isnan(rouge_l_recall(["новый"], ["новый"])).all()
    assert rouge_l_recall(["caf", "Straße"], ["café", "stra e"]).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("generated", "reference", "recall"),
    [
        ("我爱上海", "我爱北京", 2 / 4),  # each character a word
        ("ラーメン", "ラーメンです", 4 / 6),
        ("ดีครับ", "สวัสดีครับ", 4 / 7),  # a letter with its marks: ส วั ส ดี ค รั บ
        ("नरेंद्र मोदी दिल्ली में", "नरेंद्र मोदी मुंबई में", 3 / 4),  # words between spaces
        ("नर मोदी", "नरेंद्र मोदी", 1 / 2),  # a beginning of a word is another word
        ("Ο ΣΩΚΡΆΤΗΣ ζει", "ο Σωκράτης πέθανε στην Αθήνα", 2 / 5),  # either case, either sigma
        ("le cafe noir", "le café noir", 2 / 3),  # an accent makes another word
        ("le cafe\u0301 noir", "Le CAFÉ noir", 1),  # however it is encoded
        ("he runs 5 km in Zürich", "He RUN 5 km in Zürich", 1),  # English words are stemmed
        ("iPhone手机很好", "iPhone 手机", 1),
        ("می\u200cخواهم", "میخواهم", 1),  # what is not seen parts no word
    ],
)
def test_rouge_in_all_scripts_by_hand(generated, reference, recall):
    assert rouge_l_recall([generated], [reference], "all").tolist() == pytest.approx([recall])


def test_rouge_in_ascii_is_the_same_in_all_scripts_to_the_bit():
    """All characters of ASCII, in texts that are drawn, beside words that the stemmer changes."""
    draw = np.random.default_rng(1)
    letters = [chr(number) for number in range(128)] + list("aeiou   ing's ed_")
    stems = ["relational", "novels'", "it's", "well-known", "a_b", "studied2", "SKIES"]

    def text() -> str:
        drawn = "".join(draw.choice(letters, 40))
        return f"{drawn} {' '.join(draw.choice(stems, 4))}"

    pairs = [(text(), text()) for _ in range(300)]
    generated, references = zip(*pairs, strict=True)
    said = rouge_l_recall(generated, references, "all")
    np.testing.assert_array_equal(said, rouge_l_recall(generated, references))
    assert 0 < said.mean() < 1


def test_rouge_fetches_nothing(monkeypatch):
    """Its tokenizer and its stemmer are rules, no data that would have to be downloaded."""

    def refused(*args, **kwargs):
        raise AssertionError("rouge-score went to the network")

    import nltk

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(nltk, "download", refused)
    monkeypatch.setattr(nltk.data, "find", refused)
    assert rouge_l_recall(["relational novels"], ["relate novel"]).tolist() == [1]


def test_no_torch_is_needed():
    """The tables are made without it."""
    import subprocess

    code = (
        "import sys, palimpsest.metrics.extraction as e; e.rouge_l_recall(['a'], ['a']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
