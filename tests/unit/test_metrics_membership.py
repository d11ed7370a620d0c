"""Membership inference: values of each attack's score by hand, parity of the AUROC with the
Mann-Whitney statistic, TPR at a low FPR."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from palimpsest.metrics import membership as mia
from palimpsest.metrics.bootstrap import bootstrap_weights
from palimpsest.metrics.membership import loss_auroc, tpr_at_fpr
from palimpsest.metrics.tokens import TokenScores
from palimpsest.randomness import numpy_generator


def test_value_by_hand():
    """Members lose 1 2, others 2 3 4. Member 1 is below all three, member 2 below two and ties with
    one: (3 + 2.5) / 6.

    Weight 2 on member 2, weight 4 on the other at 2: (1 * 6 + 2 * (2 + 4/2)) / (3 * 6) = 14/18.
    """
    assert loss_auroc([1, 2], [2, 3, 4]) == pytest.approx(5.5 / 6)
    assert loss_auroc([1, 2], [2, 3, 4], [1, 2], [4, 1, 1]) == pytest.approx(14 / 18)


def test_what_the_ends_and_the_middle_mean():
    """Learnt by heart: 1. Pushed above everybody, which betrays just as much: 0. Indistinguishable:
    1/2."""
    assert loss_auroc([0.1, 0.2], [1, 2]) == 1
    assert loss_auroc([5, np.inf], [1, 2]) == 0
    assert loss_auroc([1, 2, 3], [1, 2, 3]) == 0.5


def test_leaks_by_hand():
    """A 0.75 against the oracle's 0.5: 100 (0.25 - 0.5) / 0.5 and 100 (0.75 - 0.5) / 0.5. A model
    that remembers all has -100, one that drives all away 100 at an oracle's 0.5, the oracle 0."""
    assert mia.privleak(0.75, 0.5) == -50 and mia.relative_auroc(0.75, 0.5) == 50
    assert mia.privleak([1.0, 0.0, 0.4], [0.5, 0.5, 0.4]).tolist() == [-100, 100, 0]
    assert mia.privleak(0.2, 0.6) == pytest.approx(100)
    assert mia.relative_auroc(0.2, 0.6) == pytest.approx(-200 / 3)
    assert np.isnan(mia.privleak(0.5, 1.0)) and np.isnan(mia.relative_auroc(0.5, 0.0))


def test_parity_with_mann_whitney():
    rng = numpy_generator("membership")
    members, others = np.round(rng.exponential(1, 60), 1), np.round(rng.exponential(2, 90), 1)
    expected = mannwhitneyu(others, members).statistic / (60 * 90)
    assert 0.5 < expected < 1
    assert loss_auroc(members, others) == pytest.approx(expected, rel=1e-12)


def test_both_samples_are_resampled_or_only_one():
    rng = numpy_generator("membership bootstrap")
    members, others = np.round(rng.exponential(1, 30), 1), np.round(rng.exponential(2, 40), 1)
    first, second = bootstrap_weights(30, 8, rng), bootstrap_weights(40, 8, rng)
    both = [
        loss_auroc(np.repeat(members, a.astype(int)), np.repeat(others, b.astype(int)))
        for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(loss_auroc(members, others, first, second), both, rtol=1e-12)
    alone = [loss_auroc(members, np.repeat(others, b.astype(int))) for b in second]
    np.testing.assert_allclose(
        loss_auroc(members, others, nonmember_weights=second), alone, rtol=1e-12
    )


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        loss_auroc([1, np.nan], [2, 3])
    with pytest.raises(ValueError, match="no records"):
        loss_auroc([], [2, 3])
    with pytest.raises(ValueError, match="weights"):
        loss_auroc([1, 2], [2, 3, 4], [1, 1, 1])


def scored(*logps, mean=-2.0, deviation=0.5) -> TokenScores:
    """Texts given as lists of log-probabilities, the last of each the end of text."""
    logp = np.concatenate(logps).astype(np.float32)
    offsets = np.append(0, np.cumsum([len(text) for text in logps]))
    return TokenScores(
        offsets,
        logp,
        np.zeros(len(logp), dtype=bool),
        np.full_like(logp, mean),
        np.full_like(logp, deviation),
    )


SCORES = scored([-1, -5, -2, -3, -4, -0.0], [-6, -9])


def test_loss_zlib_and_reference_by_hand():
    """Losses 15/6 and 15/2. Over 10 and 30 bytes: 1/4 and 1/4. A reference that loses 1 and 8: 3/2
    and -1/2."""
    np.testing.assert_allclose(mia.loss_score(SCORES), [2.5, 7.5])
    np.testing.assert_allclose(mia.zlib_score(SCORES, [10, 30]), [0.25, 0.25])
    reference = scored([-1, -1], [-6, -10, -8])  # a tokenizer of its own
    np.testing.assert_allclose(mia.reference_score(SCORES, reference), [1.5, -0.5])


def test_min_k_by_hand():
    """Without the end -1 -5 -2 -3 -4: half of five is two, (5 + 4) / 2; a tenth of five is none,
    but at least one, 5; all: 15 / 5.

    The second text has one token left, whatever the share.
    """
    np.testing.assert_allclose(mia.min_k_score(SCORES, 0.5), [4.5, 6])
    np.testing.assert_allclose(mia.min_k_score(SCORES, 0.1), [5, 6])
    np.testing.assert_allclose(mia.min_k_score(SCORES), [5, 6])
    np.testing.assert_allclose(mia.min_k_score(SCORES, 1), [3, 6])


def test_min_k_plus_plus_by_hand():
    """mu = -2, sigma = 1/2: (log p + 2) / (1/2) is 2 -6 0 -2 -4, and -8. The lowest two of five: (6
    + 4) / 2."""
    np.testing.assert_allclose(mia.min_k_plus_plus_score(SCORES, 0.5), [5, 8])
    np.testing.assert_allclose(mia.min_k_plus_plus_score(SCORES, 1), [2, 8])


def test_min_k_plus_plus_where_one_token_has_all_the_probability():
    """sigma = 0 is taken for 1e-3: (log p - mu) / 1e-3 = -0.5 / 1e-3, and 0 where the token is that
    one."""
    np.testing.assert_allclose(
        mia.min_k_plus_plus_score(scored([-2.5, 0], [-2, 0], deviation=0.0)), [500, 0]
    )


def test_a_share_of_a_hundred_tokens_is_exact():
    """0.29 of 100 tokens is 29 tokens, though 0.29 * 100 is 28.999...: the 29 lowest of -1..-100
    have the mean -86."""
    assert mia.min_k_score(scored([*-np.arange(1.0, 101), 0]), 0.29) == pytest.approx([86])


def test_the_order_of_tokens_and_the_other_texts_do_not_matter():
    rng = numpy_generator("min k")
    texts = [-rng.exponential(size=length) for length in rng.integers(2, 40, size=30)]
    shuffled = [np.append(rng.permutation(text[:-1]), text[-1]) for text in texts]
    for score in (mia.loss_score, mia.min_k_score, mia.min_k_plus_plus_score):
        alone = np.concatenate([score(scored(text)) for text in texts])
        np.testing.assert_allclose(score(scored(*shuffled)), alone, rtol=1e-5)
    shares = [mia.min_k_score(scored(*texts), share) for share in (0.1, 0.3, 0.6, 1)]
    assert all(
        (wide <= narrow + 1e-12).all() for narrow, wide in zip(shares, shares[1:], strict=False)
    )


def test_zlib_sizes_are_of_the_bytes_of_the_text():
    """What repeats compresses: 400 letters take few bytes; letters beyond ASCII count as their
    bytes."""
    same, other, foreign = mia.zlib_sizes(["a" * 400, "".join(map(chr, range(33, 126))), "\u00fc"])
    assert same < 20 < 90 < other
    assert foreign == len(zlib.compress(b"\xc3\xbc"))


def test_tpr_at_fpr_by_hand():
    """Others at 1..100. One in a hundred lies under 1.5: members 0, 0.5, 1.2 and 1.5 do so, not 2
    (which would call the other at 2).

    At FPR 0 only 0 and 0.5 of the five; at 2 % all.
    """
    members, others = [0, 0.5, 1.2, 1.5, 2], np.arange(1, 101)
    assert tpr_at_fpr(members, others) == 4 / 5
    assert tpr_at_fpr(members, others, 0) == 2 / 5
    assert tpr_at_fpr(members, others, 0.02) == 1 and tpr_at_fpr(members, others, 1) == 1


def test_ties_are_called_alike():
    """Two of a hundred others at 1: to call the members at 1 is to call both, which is 2 %."""
    others = np.append([1, 1], np.arange(3, 101))
    assert tpr_at_fpr([0, 1, 1, 1], others) == 1 / 4
    assert tpr_at_fpr([0, 1, 1, 1], others, 0.02) == 1
    # a model that finds all texts alike recognises none
    assert tpr_at_fpr(np.ones(10), np.ones(500)) == 0


def test_with_few_non_members_none_may_be_accused():
    assert (
        tpr_at_fpr([0, 1, 2, 3], [1.5, 2, 3]) == tpr_at_fpr([0, 1, 2, 3], [1.5, 2, 3], 0) == 1 / 2
    )


def test_what_holds_of_any_attack():
    rng = numpy_generator("tpr")
    members, others = np.round(rng.normal(0, 1, 80), 1), np.round(rng.normal(1, 1, 300), 1)
    rates = [tpr_at_fpr(members, others, fpr) for fpr in (0, 0.01, 0.05, 0.3, 1)]
    assert rates == sorted(rates) and 0 < rates[1] < rates[3] < rates[4] == 1
    assert tpr_at_fpr(np.exp(members), np.exp(others), 0.05) == rates[2]
    assert tpr_at_fpr(others, others, 0.05) <= 0.05
    thresholds = np.concatenate([members, others])
    assert max(
        (members <= t).mean() for t in thresholds if (others <= t).mean() <= 0.05
    ) == pytest.approx(rates[2], rel=1e-12)


def test_tpr_resamples_both_sides():
    rng = numpy_generator("tpr bootstrap")
    members, others = np.round(rng.normal(0, 1, 30), 1), np.round(rng.normal(1, 1, 40), 1)
    first, second = bootstrap_weights(30, 8, rng), bootstrap_weights(40, 8, rng)
    both = [
        tpr_at_fpr(np.repeat(members, a.astype(int)), np.repeat(others, b.astype(int)), 0.1)
        for a, b in zip(first, second, strict=True)
    ]
    assert np.ptp(both) > 0
    np.testing.assert_allclose(tpr_at_fpr(members, others, 0.1, first, second), both, rtol=1e-12)
    assert np.isnan(tpr_at_fpr([1], [2], nonmember_weights=[0])) and np.isnan(
        tpr_at_fpr([1], [2], member_weights=[0])
    )


def test_wrong_input_of_the_attacks_is_refused():
    with pytest.raises(ValueError, match="fpr"):
        tpr_at_fpr([1], [2], 1.01)
    with pytest.raises(ValueError, match="NaN"):
        tpr_at_fpr([1], [np.nan])
    for share in (0, 1.5, np.nan):
        with pytest.raises(ValueError, match="share"):
            mia.min_k_score(SCORES, share)
    for sizes in ([10], [10, 0], [10, np.nan]):
        with pytest.raises(ValueError, match="sizes"):
            mia.zlib_score(SCORES, sizes)
    with pytest.raises(ValueError, match="scored 1 texts, not 2"):
        mia.reference_score(SCORES, SCORES.take([0]))
    with pytest.raises(ValueError, match="no token but the last"):
        mia.min_k_score(scored([-1.0]))
