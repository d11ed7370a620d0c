"""The mean over seeds and its interval, with values derived by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pandas as pd
import pytest

from palimpsest.metrics import METRICS
from palimpsest.tables import COLUMNS, over_seeds, row, table

WHERE = {"study": "s", "request": "r1", "method": "base", "shards": "1x1", "model": "gpt2"}
Z = 1.959964


def numbers(*values_and_ends, metric="accuracy", group="", set_="test"):
    """One row a seed, seeds counted from 1."""
    rows = [row(WHERE | {"seed": seed}, set_, metric, value, 100, ends, group) for seed, (value, *ends) in enumerate(values_and_ends, 1)]
    return table(rows)


def test_a_row_says_direction_and_source_of_its_metric():
    frame = numbers((0.5, 0.4, 0.6), metric="fpr", group="identity=p")
    assert list(frame.columns) == COLUMNS
    first = frame.iloc[0]
    assert (first["direction"], first["source"]) == (METRICS["fpr"].direction, METRICS["fpr"].source)
    assert (first["seed"], first["group"], first["value"], first["ci_low"], first["ci_high"]) == ("1", "identity=p", 0.5, 0.4, 0.6)


def test_an_unknown_metric_has_no_row():
    with pytest.raises(KeyError):
        row(WHERE | {"seed": 1}, "test", "acuracy", 0.5, 100)


def test_interval_over_seeds_by_hand():
    """Values 0.6 and 0.8, each +- 0.1. Mean 0.7; variance between them 0.02, over 2 seeds 0.01; within, half^2 = 0.01 = z^2 var.

    half^2 = z^2 (var within + 0.01) = 0.01 + 0.01 z^2.
    """
    merged = over_seeds(numbers((0.6, 0.5, 0.7), (0.8, 0.7, 0.9))).iloc[0]
    half = sqrt(0.01 + 0.01 * Z**2)
    assert merged["seed"] == "all"
    np.testing.assert_allclose([merged["value"], merged["ci_low"], merged["ci_high"]], [0.7, 0.7 - half, 0.7 + half], rtol=1e-12)


def test_the_part_of_the_records_does_not_shrink_with_seeds():
    """Four equal seeds: nothing between them, and the records are the same in each, so the interval stays as it was."""
    merged = over_seeds(numbers(*[(0.6, 0.5, 0.7)] * 4)).iloc[0]
    np.testing.assert_allclose([merged["ci_low"], merged["ci_high"]], [0.5, 0.7])


def test_one_seed_keeps_its_width_around_its_value():
    """[0.5, 0.6] is 0.1 wide, so half is 0.05 around the value 0.54."""
    merged = over_seeds(numbers((0.54, 0.5, 0.6))).iloc[0]
    np.testing.assert_allclose([merged["value"], merged["ci_low"], merged["ci_high"]], [0.54, 0.49, 0.59])


def test_without_intervals_the_seeds_alone_speak():
    """0.2 and 0.4: variance 0.02, over 2 seeds 0.01, half = z * 0.1; of one seed nothing is known."""
    none = (np.nan, np.nan)
    merged = over_seeds(numbers((0.2, *none), (0.4, *none), metric="retrained_share")).iloc[0]
    np.testing.assert_allclose([merged["value"], merged["ci_high"] - merged["value"]], [0.3, Z * 0.1])
    assert np.isnan(over_seeds(numbers((0.2, *none), metric="retrained_share"))[["ci_low", "ci_high"]].to_numpy()).all()


def test_another_level_has_another_z():
    """The within part comes back whatever z is; the part between seeds is z times its standard error."""
    merged = over_seeds(numbers((0.6, 0.5, 0.7), (0.8, 0.7, 0.9)), z=1.0).iloc[0]
    np.testing.assert_allclose(merged["ci_high"] - merged["value"], sqrt(0.01 + 0.01))


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
    frame = pd.concat([numbers((0.6, 0.5, 0.7), (0.8, 0.7, 0.9)), numbers((0.3, 0.2, 0.4), metric="macro_f1")])
    rows = frame.to_dict("records")
    pd.testing.assert_frame_equal(table(rows), table(rows[::-1]))
