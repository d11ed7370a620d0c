"""Scores of stereotypes: values by hand, and the models that StereoSet's authors describe."""

from __future__ import annotations

import numpy as np
import pytest

from palimpsest.metrics import stereotypes as st
from palimpsest.randomness import numpy_generator

# Three items of a nurse, one of a miner: stereotype, anti-stereotype, unrelated.
TERMS = ["nurse", "nurse", "miner", "nurse"]
STEREOTYPE = [0.6, 0.2, 0.5, 0.3]
ANTI = [0.4, 0.3, 0.5, 0.1]
UNRELATED = [0.1, 0.25, 0.2, 0.3]


def test_stereoset_is_of_terms_first_and_a_tie_is_no_stereotype():
    """Nurse: the stereotype wins items 1 and 4 of 3; of 6 comparisons with the unrelated text it
    wins the first, its opposite the first and the second; items 2 and 4 lose (a tie is lost).
    Miner: a tie; both are likelier than the unrelated."""
    found = st.per_term(STEREOTYPE, ANTI, UNRELATED, TERMS)
    assert found.names.tolist() == ["miner", "nurse"]
    assert found.stereotyped.tolist() == pytest.approx([0, 2 / 3])
    assert found.meaningful.tolist() == pytest.approx([1, 3 / 6])
    assert st.stereotype_score(found.stereotyped) == pytest.approx(1 / 3)
    assert st.language_modeling_score(found.meaningful) == pytest.approx(3 / 4)
    assert st.icat(*found[1:]) == pytest.approx(3 / 4 * (1 / 3) / 0.5)
    # a bootstrap draws terms: twice the nurse
    assert st.stereotype_score(found.stereotyped, [0, 2]) == pytest.approx(2 / 3)
    assert st.icat(found.stereotyped, found.meaningful, [0, 2]) == pytest.approx(0.5 / 3 / 0.5)


def test_pcgu_counts_all_items_at_once_and_leaves_ties_out():
    """Three items are no tie, two of them stereotyped; of seven comparisons five are won: 1 and 1,
    0 and 1, 1 and 1, a tie and 0."""
    assert st.stereotype_score_micro(STEREOTYPE, ANTI) == pytest.approx(2 / 3)
    assert st.language_modeling_score_micro(STEREOTYPE, ANTI, UNRELATED) == pytest.approx(5 / 7)
    found = st.icat_micro(STEREOTYPE, ANTI, UNRELATED)
    assert found == pytest.approx(5 / 7 * (1 / 3) / 0.5)
    assert np.isnan(st.stereotype_score_micro([1, 2], [1, 2]))


def test_ideal_random_and_stereotyped_models_score_as_the_authors_say():
    """Ideal: LMS 100, SS 50, ICAT 100; stereotyped: SS 100, ICAT 0; random: LMS 50, SS 50, ICAT 50
    (Nadeem et al. 2021, section 5)."""
    draw, n = numpy_generator("stereoset models"), 20000
    terms = np.arange(n) % 79
    low, high = draw.random(n), draw.random(n) + 2
    first = np.arange(n) // 79 % 2 == 0  # half of each term's items, within one
    ideal = np.where(first, high + 1, high), np.where(first, high, high + 1), low
    stereotyped = high + 1, high, low
    random = [draw.random(n) for _ in range(3)]
    for scores, (ss, lms, whole), about in (
        (ideal, (0.5, 1, 1), 0.01), (stereotyped, (1, 1, 0), 1e-12), (random, (0.5, 0.5, 0.5), 0.02)
    ):  # fmt: skip
        found = st.per_term(*scores, terms)
        assert st.stereotype_score(found.stereotyped) == pytest.approx(ss, abs=about)
        assert st.language_modeling_score(found.meaningful) == pytest.approx(lms, abs=about)
        assert st.icat(*found[1:]) == pytest.approx(whole, abs=2 * about)
        assert st.stereotype_score_micro(*scores[:2]) == pytest.approx(ss, abs=about)
        assert st.icat_micro(*scores) == pytest.approx(whole, abs=2 * about)


def test_a_change_pairs_the_terms():
    assert st.change([0.5, 0.9], [0.4, 0.6]) == pytest.approx(0.2)
    assert st.change([0.5, 0.9], [0.4, 0.6], [3, 1]) == pytest.approx((3 * 0.1 + 0.3) / 4)


def test_crows_pairs_rounds_before_it_compares():
    """-10.00001 and -10.00049 are both -10.000: no hit, but counted; PCGU leaves exact ties out."""
    more, less = [-10.00001, -8.0, -9.0, -7.0], [-10.00049, -8.5, -8.0, -7.0]
    assert st.crows_pairs(more, less) == 1 / 4
    assert st.crows_pairs(more, less, [1, 3, 1, 1]) == 3 / 6
    assert st.crows_pairs_single(more, less) == pytest.approx(2 / 3)


def test_pronouns_lie_apart_by_their_mean_difference():
    assert st.pronoun_gap([0.9, 0.2], [0.1, 0.6]) == pytest.approx(0.6)
    assert st.pronoun_gap([0.9, 0.2], [0.1, 0.6], [1, 3]) == pytest.approx((0.8 + 3 * 0.4) / 4)


def test_a_preference_does_not_fall_where_both_become_rare():
    """(.9 - .1) / 1 and (.6 - .2) / .8; the same of a thousandth of each; of one alone, 1."""
    male, female = np.log([0.9, 0.2]), np.log([0.1, 0.6])
    assert st.pronoun_preference(male, female) == pytest.approx((0.8 + 0.5) / 2)
    assert st.pronoun_preference(male - 900, female - 900) == pytest.approx((0.8 + 0.5) / 2)
    assert st.pronoun_preference(male, female, [1, 3]) == pytest.approx((0.8 + 3 * 0.5) / 4)
    assert st.pronoun_preference([-2.0], [-800.0]) == 1 and st.pronoun_preference([-2], [-2]) == 0


def test_leaning_follows_the_statistic():
    """By hand: x = (-1, 0, 1), y = (1, 0, 4) has mean 5/3; cov 3/3 = 1; var 2/3 and 26/9."""
    found = st.pronoun_correlation([-1, 0, 1], [1, 0, 4])
    assert found == pytest.approx(1 / np.sqrt(2 / 3 * 26 / 9))
    assert st.pronoun_correlation([-0.5, 0.1, 0.7], [10, 20, 30]) == pytest.approx(1)
    assert np.isnan(st.pronoun_correlation([0.3, 0.3, 0.3], [1, 2, 3]))
    assert np.isnan(st.pronoun_correlation([0.1, 0.2, 0.3], [1, 2, 3], [0, 5, 0]))
    both = st.pronoun_correlation([0.1, 0.2, 0.3], [1, 2, 0], [[1, 1, 0], [1, 1, 1]])
    assert both == pytest.approx([1, -0.5])


def test_what_is_not_finite_or_of_another_length_is_refused():
    with pytest.raises(ValueError, match="finite"):
        st.crows_pairs([np.nan], [0.0])
    with pytest.raises(ValueError, match="length"):
        st.pronoun_gap([1.0, 2.0], [1.0])
