"""The mean over seeds and its interval, with values derived by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pandas as pd
import pytest
from stepping import tidy

from palimpsest.errors import UserError
from palimpsest.metrics import METRICS
from palimpsest.report.tables import COLUMNS, over_seeds, row, table

WHERE = {"study": "s", "request": "r1", "method": "base", "shards": "1x1", "model": "gpt2"}
T2 = 4.302653  # Student, 95 %, 2 degrees of freedom


def numbers(*values_and_ends, metric="accuracy", group="", set_="test"):
    """One row a seed, seeds counted from 1."""
    rows = [
        row(WHERE | {"seed": seed}, set_, metric, value, 100, ends, group)
        for seed, (value, *ends) in enumerate(values_and_ends, 1)
    ]
    return table(rows)


def test_a_row_says_direction_and_source_of_its_metric():
    frame = tidy([numbers((0.5, 0.4, 0.6), metric="fpr", group="identity=p")])
    assert list(frame.columns) == COLUMNS
    first = frame.iloc[0]
    assert (first["direction"], first["source"]) == (
        METRICS["fpr"].direction,
        METRICS["fpr"].source,
    )
    assert (first["seed"], first["group"], first["value"], first["ci_low"], first["ci_high"]) == (
        "1",
        "identity=p",
        0.5,
        0.4,
        0.6,
    )


def test_a_metric_that_nobody_describes_stands_in_no_table():
    with pytest.raises(UserError, match="acuracy\n    remedy: name it"):
        tidy([numbers((0.5, 0.4, 0.6), metric="acuracy")])


def ends(frame, **options):
    merged = over_seeds(frame, **options).iloc[0]
    assert merged["seed"] == "all"
    return [merged["value"], merged["ci_low"], merged["ci_high"]]


def test_interval_over_three_seeds_by_hand():
    """Values 0.5, 0.6, 0.7, lopsided: 0.03 below and 0.04 above each. Standard deviation 0.1; of
    its mean 0.1 / sqrt(3); times t = 4.3027, for two degrees of freedom, 0.24842 (the normal 1.96
    would give 0.113). Each side joins its own length with it."""
    between = T2 * 0.1 / sqrt(3)
    expected = [0.6, 0.6 - sqrt(0.03**2 + between**2), 0.6 + sqrt(0.04**2 + between**2)]
    np.testing.assert_allclose(
        ends(numbers((0.5, 0.47, 0.54), (0.6, 0.57, 0.64), (0.7, 0.67, 0.74))), expected, rtol=1e-4
    )


def test_the_part_of_the_records_does_not_shrink_with_seeds():
    """Four equal seeds: nothing between them, and the records are the same in each, so the interval
    stays as it was, lopsided."""
    np.testing.assert_allclose(ends(numbers(*[(0.6, 0.5, 0.65)] * 4)), [0.6, 0.5, 0.65])


def test_one_seed_keeps_its_own_interval():
    """[0.5, 0.6] around 0.54 is not centred, and stays so."""
    np.testing.assert_allclose(ends(numbers((0.54, 0.5, 0.6))), [0.54, 0.5, 0.6])


def test_no_interval_leaves_its_value_out():
    """A gap of 0.01 whose replicates run from 0.03 to 0.15; over two such seeds likewise."""
    one = numbers((0.01, 0.03, 0.15), metric="equalized_odds_max")
    np.testing.assert_allclose(one[["ci_low", "ci_high"]].iloc[0].tolist(), [0.01, 0.15])
    np.testing.assert_allclose(ends(one), [0.01, 0.01, 0.15])
    np.testing.assert_allclose(
        ends(numbers(*[(0.01, 0.03, 0.15)] * 2, metric="equalized_odds_max")), [0.01, 0.01, 0.15]
    )
    low = numbers((0.9, 0.7, 0.8))
    np.testing.assert_allclose(low[["ci_low", "ci_high"]].iloc[0].tolist(), [0.7, 0.9])


def test_without_intervals_the_seeds_alone_speak():
    """0.2, 0.3 and 0.4: half is t 0.1 / sqrt(3); of one seed nothing is known."""
    none = (np.nan, np.nan)
    value, low, high = ends(
        numbers((0.2, *none), (0.3, *none), (0.4, *none), metric="retrained_share")
    )
    np.testing.assert_allclose(
        [value, value - low, high - value], [0.3, T2 * 0.1 / sqrt(3), T2 * 0.1 / sqrt(3)], rtol=1e-4
    )
    assert np.isnan(ends(numbers((0.2, *none), metric="retrained_share"))[1:]).all()


def test_another_level_has_another_quantile():
    """Of two degrees of freedom P(|T| < x) = x / sqrt(2 + x^2): at 50 % x = sqrt(2/3). The part of
    the records comes as it is."""
    value, low, _ = ends(
        numbers((0.5, 0.47, 0.54), (0.6, 0.57, 0.64), (0.7, 0.67, 0.74)), level=0.5
    )
    np.testing.assert_allclose(value - low, sqrt(0.03**2 + 2 / 3 * 0.1**2 / 3))


def test_a_seed_without_a_number_does_not_count():
    """NaN, 0.5 and 0.7, each 0.1 either way: K = 2 of one degree of freedom, standard error
    sqrt(0.02 / 2) = 0.1."""
    value, low, _ = ends(numbers((np.nan, np.nan, np.nan), (0.5, 0.4, 0.6), (0.7, 0.6, 0.8)))
    np.testing.assert_allclose(
        [value, value - low], [0.6, sqrt(0.1**2 + (12.7062 * 0.1) ** 2)], rtol=1e-4
    )


def test_a_p_value_is_averaged_by_its_logarithm():
    """1e-2, 1e-3 and 1e-4: mean of the logarithms -3, standard deviation 1, so t / sqrt(3) =
    2.48414 decades either way; of two seeds with 0.1 and 0.01 t is 12.7, the mean -1.5, and half
    the interval 12.7062 x 0.5 = 6.3531 decades, which ends at 1."""
    none = (np.nan, np.nan)
    wanted = [1e-3, 10 ** (-3 - T2 / sqrt(3)), 10 ** (-3 + T2 / sqrt(3))]
    np.testing.assert_allclose(
        ends(
            numbers(*[(p, *none) for p in (1e-2, 1e-3, 1e-4)], metric="forget_quality"),
            logarithmic=["forget_quality"],
        ),
        wanted,
        rtol=1e-5,
    )
    both = (
        tidy([numbers((0.1, *none), (0.01, *none), metric="forget_quality")], level=0.95)
        .query("seed == 'all'")
        .iloc[0]
    )
    np.testing.assert_allclose(
        both[["value", "ci_low", "ci_high"]].tolist(), [10**-1.5, 10**-7.8531, 1], rtol=1e-3
    )
    np.testing.assert_allclose(
        ends(numbers((0.3, *none), metric="forget_quality"), logarithmic=["forget_quality"])[0], 0.3
    )


def test_a_p_value_of_0_counts_as_the_smallest_double():
    """log10 of 5e-324 is -323.306, and with 1 for the other seed the mean -161.653."""
    value, low, high = ends(
        numbers((0, 0, 0), (1, 1, 1), metric="forget_quality"), logarithmic=["forget_quality"]
    )
    np.testing.assert_allclose(np.log10(value), -161.653, rtol=1e-5)
    assert 0 <= low < value < high


def test_only_seeds_are_merged():
    parts = [
        numbers((0.6, 0.5, 0.7), (0.8, 0.7, 0.9)),
        numbers((0.1, 0.0, 0.2), set_="valid"),
        numbers((0.2, 0.1, 0.3), group="identity"),
        numbers((0.3, 0.2, 0.4), metric="macro_f1"),
    ]
    merged = over_seeds(pd.concat(parts))
    assert sorted(merged["value"].round(12)) == [0.1, 0.2, 0.3, 0.7]
    assert (merged["n"] == 100).all() and merged["n"].dtype == "int64"


def test_order_of_rows_does_not_depend_on_how_they_came():
    frame = pd.concat(
        [numbers((0.6, 0.5, 0.7), (0.8, 0.7, 0.9)), numbers((0.3, 0.2, 0.4), metric="macro_f1")]
    )
    rows = frame.to_dict("records")
    pd.testing.assert_frame_equal(table(rows), table(rows[::-1]))
