"""A number over so few records that it cannot say anything is not shown like any other."""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np
import pandas as pd
import pytest
from stepping import tidy

from palimpsest.metrics.classification import auroc, can_tell
from palimpsest.report.cells import too_few
from palimpsest.report.tables import row, table
from palimpsest.tracks.classification.measure import _auroc
from palimpsest.tracks.classification.membership import _row

WHERE = {
    "study": "s", "seed": 1, "request": "r1", "method": "oracle", "shards": "1x1", "model": "m",
}  # fmt: skip
SETTINGS = {"study": "s", "state": "r1", "bootstrap": 20, "level": 0.95}


def by_counting(positives: int, negatives: int) -> float:
    """Share of all orders of so many records that are as far from chance as can be."""
    labels = [1] * positives + [0] * negatives
    areas = [auroc(np.array(order), np.arange(len(labels))) for order in set(permutations(labels))]
    return float(np.mean([area in (0, 1) for area in areas]))


@pytest.mark.parametrize("pair", [(1, 5), (2, 3), (3, 3), (3, 4), (2, 6)])
def test_the_best_area_of_few_records_is_as_likely_as_counted(pair):
    assert by_counting(*pair) == pytest.approx(2 / comb(sum(pair), pair[0]))
    assert not can_tell(*pair) and by_counting(*pair) > 0.05


def test_the_least_that_are_enough():
    enough = {(n, m) for n in range(12) for m in range(12) if can_tell(n, m)}
    assert {(2, 8), (3, 5), (4, 4)} <= enough and enough == {(m, n) for n, m in enough}
    assert not {(2, 7), (3, 4), (1, 11), (0, 11)} & enough
    assert not can_tell(1, 1000)  # a single record has no spread


@pytest.mark.parametrize(("forgotten", "unseen"), [(1, 50), (50, 1), (3, 4)])
def test_membership_of_too_few_is_undefined_and_said(forgotten, unseen):
    one = _row(np.arange(forgotten) * 1.0, np.arange(unseen) + 60.0, WHERE, "forget", SETTINGS)
    assert np.isnan(one["value"]) and np.isnan(one["ci_low"]) and one["n"] == forgotten
    (warning,) = too_few(tidy([table([one])]))
    assert f"where {forgotten} records were forgotten" in warning


def test_membership_of_enough_is_what_it_was():
    one = _row(np.zeros(4), np.ones(4), WHERE, "forget", SETTINGS)
    assert one["value"] == one["ci_low"] == one["ci_high"] == 1
    assert list(too_few(tidy([table([one])]))) == []
    assert list(too_few(pd.DataFrame([row(WHERE, "forget", "kl", np.nan, 3)]))) == []


def test_the_area_of_a_class_of_one_record_is_undefined():
    labels, score = np.array([1, *[0] * 50]), np.tile([0.3, 0.7], (51, 1))
    assert np.isnan(_auroc(labels, score, None))
    assert np.isnan(_auroc(labels, score, np.ones((7, 51)))).tolist() == [True] * 7
    labels[:4] = 1
    assert _auroc(labels, score, None) == 0.5
