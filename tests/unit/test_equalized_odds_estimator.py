"""EqualizedOdds as its users meet it: cells, unseen cells, draws, the dictionary for auditors, and
every error."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from palimpsest.errors import UserError
from palimpsest.fairness import EqualizedOdds
from palimpsest.randomness import numpy_generator

VOTES = np.array([[1, 1], [1, 0], [0, 0], [0, 0], [1, 1], [0, 1], [0, 0], [1, 0]])
LABELS = np.array([1, 1, 0, 0, 1, 1, 0, 0])
GROUPS = np.array(["a", "a", "a", "a", "b", "b", "b", "b"])


def sample(shards, records=4000, groups=3, seed=0):
    rng = numpy_generator("estimator", shards, seed)
    group, label = rng.integers(0, groups, records), rng.integers(0, 2, records)
    shift = (2 * label - 1)[:, None] * rng.uniform(0.3, 1.2, (groups, shards))[group]
    return (shift + rng.normal(size=(records, shards)) > 0).astype(int), label, group


def problems_of(call):
    with pytest.raises(UserError) as caught:
        call()
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("settings", "votes", "labels", "groups", "said"),
    [
        ({"eps": -0.1}, VOTES, LABELS, GROUPS, ["eps", "-0.1", "from 0 to 1"]),
        ({"eps": 1.5}, VOTES, LABELS, GROUPS, ["eps", "1.5"]),
        ({"eps": float("nan")}, VOTES, LABELS, GROUPS, ["eps", "nan"]),
        ({"eps": "0.1"}, VOTES, LABELS, GROUPS, ["eps", "'0.1'"]),
        ({"cost_fp": 0}, VOTES, LABELS, GROUPS, ["cost_fp", "above 0"]),
        ({"cost_fn": float("inf")}, VOTES, LABELS, GROUPS, ["cost_fn", "inf", "finite"]),
        ({"cells": "votes"}, VOTES, LABELS, GROUPS, ["cells", "'votes'", "pattern, count, pooled"]),
        ({"realise": "coin"}, VOTES, LABELS, GROUPS, ["realise", "'coin'", "mix, window"]),
        ({"realise": ["mix"]}, VOTES, LABELS, GROUPS, ["realise", "['mix']"]),
        ({"pool_below": 0}, VOTES, LABELS, GROUPS, ["pool_below", "whole number from 1"]),
        ({"pool_below": 2.5}, VOTES, LABELS, GROUPS, ["pool_below", "2.5"]),
        (
            {},
            np.where(VOTES == 1, 2, 0),
            LABELS,
            GROUPS,
            ["votes other than 0 and 1", "5 records, first in row 0"],
        ),
        ({}, VOTES - 1, LABELS, GROUPS, ["votes other than 0 and 1"]),
        (
            {},
            np.where(VOTES == 1, np.nan, 0.0),
            LABELS,
            GROUPS,
            ["votes other than 0 and 1", "5 records"],
        ),
        ({}, VOTES * 0.5, LABELS, GROUPS, ["votes other than 0 and 1"]),
        ({}, VOTES.astype(str), LABELS, GROUPS, ["votes are not numbers", "<U"]),
        ({}, [[1, 0], [1]] * 4, LABELS, GROUPS, ["votes are not numbers", "different length"]),
        ({}, VOTES[:, 0], LABELS, GROUPS, ["votes", "(8,)", "reshape to (n, 1)"]),
        ({}, VOTES[:, :0], LABELS, GROUPS, ["votes", "(8, 0)"]),
        ({}, np.zeros((8, 64)), LABELS, GROUPS, ["votes", "(8, 64)", "1 to 63"]),
        ({}, VOTES, LABELS + 1, GROUPS, ["labels other than 0 and 1", "4 records, first in row 0"]),
        ({}, VOTES, np.where(LABELS == 1, np.nan, 0), GROUPS, ["labels other than 0 and 1"]),
        ({}, VOTES, LABELS[:, None], GROUPS, ["labels are not one-dimensional", "(8, 1)"]),
        ({}, VOTES, LABELS.astype(object), GROUPS, ["labels are not numbers", "object"]),
        ({}, VOTES, LABELS, GROUPS[:, None], ["groups are not one-dimensional", "(8, 1)"]),
        ({}, VOTES, LABELS, [["a"]] * 8, ["hashed"]),
        ({}, VOTES, LABELS, ["a", None] * 4, ["no group", "4 missing, first in row 1"]),
        (
            {},
            VOTES,
            LABELS,
            np.array([0, 1, 0, 1, 0, 1, 0, np.nan]),
            ["no group", "1 missing, first in row 7"],
        ),
        ({}, VOTES, LABELS, pd.Series(["a", pd.NA] * 4), ["no group", "4 missing"]),
        ({}, VOTES[:7], LABELS, GROUPS, ["lengths differ", "votes 7, labels 8, groups 8"]),
        ({}, VOTES, LABELS[:5], GROUPS, ["lengths differ", "labels 5"]),
        ({}, VOTES[:0], LABELS[:0], GROUPS[:0], ["no records"]),
        (
            {},
            VOTES,
            np.array([1, 1, 0, 0, 1, 1, 1, 1]),
            GROUPS,
            ["'b' has 0 negatives and 4 positives", "undefined"],
        ),
    ],
)
def test_fit_errors(settings, votes, labels, groups, said):
    messages = problems_of(lambda: EqualizedOdds(**settings).fit(votes, labels, groups))
    assert len(messages) == 1, messages
    for part in said:
        assert part in messages[0]


def test_problems_are_told_together():
    """Two settings, the votes, and two of three groups with one label (in one message)."""
    labels, groups = np.array([0, 0, 1, 1, 0, 1, 0, 1]), np.array(list("aabbcccc"))
    messages = problems_of(lambda: EqualizedOdds(eps=2, cells="x").fit(VOTES * 3, labels, groups))
    assert len(messages) == 4
    assert (
        "'a' has 2 negatives and 0 positives, group 'b' has 0 negatives and 2 positives"
        in messages[3]
    )
    assert "'c'" not in messages[3]


def test_many_bad_groups_are_cut_short():
    messages = problems_of(lambda: EqualizedOdds().fit(np.ones((30, 1)), np.ones(30), range(30)))
    assert (
        "group 9 has" in messages[0]
        and "group 10 has" not in messages[0]
        and "20 more" in messages[0]
    )


def test_a_failed_fit_leaves_the_rule_as_it_was():
    rule = EqualizedOdds().fit(VOTES, LABELS, GROUPS)
    before = rule.to_dict()
    problems_of(lambda: rule.fit(VOTES, LABELS, ["z"] * 7))
    assert rule.to_dict() == before


def test_probability_errors():
    assert "call fit first" in problems_of(lambda: EqualizedOdds().probability(VOTES, GROUPS))[0]
    rule = EqualizedOdds().fit(VOTES, LABELS, GROUPS)
    (unseen,) = problems_of(
        lambda: rule.probability(VOTES, ["a", "c", "d", "a", "b", "b", "b", "c"])
    )
    assert "did not see" in unseen and "'c', 'd'" in unseen and "'a', 'b'" in unseen
    both = problems_of(lambda: rule.probability(VOTES[:, :1], ["q"] * 7))
    assert len(both) == 3
    assert (
        "1 shards" in both[0]
        and "2, as fitted" in both[0]
        and "lengths differ" in both[1]
        and "'q'" in both[2]
    )
    assert (
        "votes other than"
        in problems_of(lambda: rule.predict(VOTES * 2, GROUPS, np.random.default_rng(0)))[0]
    )


def test_bad_votes_are_found_beyond_the_first_block_of_rows():
    votes = np.zeros((200_000, 2), dtype=np.int8)
    votes[[70_001, 199_999], [1, 0]] = 3
    messages = problems_of(
        lambda: EqualizedOdds().fit(votes, np.arange(200_000) % 2, np.zeros(200_000))
    )
    assert "2 records, first in row 70001" in messages[0]


@pytest.mark.parametrize("shards", [1, 8, 9, 63])
def test_every_shard_has_its_own_bit(shards):
    """One record of each label shows shard i alone: 1 + S cells, named by their votes; the fitted
    shares are exact.

    The number of rows crosses a block, and the last cell is met only in the last row.
    """
    single = np.vstack((np.zeros((1, shards), dtype=int), np.eye(shards, dtype=int)))
    votes = np.concatenate((np.zeros((70_000, shards), dtype=int), np.repeat(single, 2, axis=0)))
    labels = np.arange(len(votes)) % 2
    cells = (
        EqualizedOdds()
        .fit(votes, labels, np.zeros(len(votes), dtype=int))
        .to_dict()["groups"][0]["cells"]
    )
    assert {cell["cell"] for cell in cells} == {"".join(map(str, row)) for row in single}
    counts = {cell["cell"]: (cell["negatives"], cell["positives"]) for cell in cells}
    assert counts.pop("0" * shards) == (35_001, 35_001)
    assert set(counts.values()) == {(1, 1)}


def test_count_sees_only_how_many():
    votes, labels, groups = sample(63)
    rule = EqualizedOdds(cells="count").fit(votes, labels, groups)
    rolled = rule.probability(np.roll(votes, 5, axis=1), groups)
    np.testing.assert_array_equal(rolled, rule.probability(votes, groups))
    distinct = len(set(zip(groups.tolist(), votes.sum(axis=1).tolist(), strict=True)))
    assert rule.patterns_per_record_ == distinct / len(votes)
    same = EqualizedOdds().fit((votes.sum(axis=1)[:, None] >> np.arange(6)) & 1, labels, groups)
    assert rule.cost_ == pytest.approx(same.cost_, abs=1e-12)


def test_pooled_lies_between_pattern_and_count():
    """pool_below = 1 pools nothing, a bound above n pools everything; between, frequent patterns
    stand alone."""
    votes, labels, groups = sample(5, records=9000)
    pattern, count = (
        EqualizedOdds(cells=cells).fit(votes, labels, groups) for cells in ("pattern", "count")
    )
    for pool_below, other in ((1, pattern), (len(votes) + 1, count)):
        rule = EqualizedOdds(cells="pooled", pool_below=pool_below).fit(votes, labels, groups)
        assert rule.cost_ == pytest.approx(other.cost_, abs=1e-14)
        np.testing.assert_allclose(
            rule.probability(votes, groups), other.probability(votes, groups), atol=1e-12
        )
    pooled = EqualizedOdds(cells="pooled").fit(votes, labels, groups)
    assert pooled.pool_below == 50
    assert pattern.cost_ < pooled.cost_ < count.cost_
    names = {cell["cell"]: cell for cell in pooled.to_dict()["groups"][0]["cells"]}
    alone = [cell for name, cell in names.items() if not name.startswith("count=")]
    assert 0 < len(alone) < len(names)
    assert min(cell["negatives"] + cell["positives"] for cell in alone) >= 50
    mine = votes[groups == 0]
    for name in alone:
        assert (mine == [int(vote) for vote in name["cell"]]).all(axis=1).sum() == name[
            "negatives"
        ] + name["positives"]


def test_a_pattern_with_just_enough_records_stands_alone():
    """Group a shows 00 twice, 10 and 11 once; group b shows each pattern once."""
    names = []
    for pool_below in (2, 3):
        rule = EqualizedOdds(cells="pooled", pool_below=pool_below).fit(VOTES, LABELS, GROUPS)
        names.append(
            [[cell["cell"] for cell in group["cells"]] for group in rule.to_dict()["groups"]]
        )
    counts = ["count=0", "count=1", "count=2"]
    assert names == [[["00", "count=1", "count=2"], counts], [counts, counts]]


@pytest.mark.parametrize("cells", ["pattern", "count", "pooled"])
def test_unseen_cells_get_the_false_positive_rate(cells):
    """The groups show no record with three or four votes; a pooled rule knows a rare pattern by its
    count."""
    votes, labels, groups = sample(4)
    kept = votes.sum(axis=1) < 3
    kept &= (votes != [0, 1, 0, 1]).any(axis=1)
    rule = EqualizedOdds(cells=cells, pool_below=10_000).fit(
        votes[kept], labels[kept], groups[kept]
    )
    for a in range(3):
        new = rule.probability([[1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 1, 0]], [a] * 3)
        assert new[0] == rule.fpr_[a]
        assert new[1] == (rule.fpr_[a] if cells == "pattern" else new[2])
        assert new[2] != rule.fpr_[a]


def test_predict_draws_from_the_given_generator():
    votes, labels, groups = sample(5)
    rule = EqualizedOdds().fit(votes, labels, groups)
    p = rule.probability(votes, groups)
    decisions = rule.predict(votes, groups, numpy_generator("draw"))
    assert decisions.dtype == np.int64 and set(decisions) == {0, 1}
    np.testing.assert_array_equal(decisions, numpy_generator("draw").random(len(p)) < p)
    certain = (p == 0) | (p == 1)
    many = np.mean(
        [rule.predict(votes, groups, numpy_generator("draw", i)) for i in range(200)], axis=0
    )
    np.testing.assert_array_equal(many[certain], p[certain])
    assert np.abs(many - p).max() < 6 * 0.5 / np.sqrt(200)  # six standard errors


def test_one_record_is_decided_as_in_a_batch():
    votes, labels, groups = sample(5)
    rule = EqualizedOdds().fit(votes, labels, groups)
    p = rule.probability(votes, groups)
    for row in range(0, 4000, 397):
        assert rule.probability(votes[row : row + 1], groups[row : row + 1])[0] == p[row]
    assert rule.probability(votes[:0], groups[:0]).shape == (0,)


def test_dictionary_holds_the_whole_rule():
    """From the cells of the dictionary, read back from JSON, an auditor computes the rates and the
    cost anew."""
    votes, labels, groups = sample(5)
    names = np.array(["x", "y", "z"])[groups]
    rule = EqualizedOdds(eps=0.02, cost_fp=np.float32(2), realise="window").fit(
        votes, labels, names
    )
    found = json.loads(json.dumps(rule.to_dict()))
    assert (found["eps"], found["cost_fp"], found["shards"], found["records"]) == (
        0.02,
        2.0,
        5,
        4000,
    )
    assert [group["group"] for group in found["groups"]] == ["x", "y", "z"]
    cost = 0.0
    for number, group in enumerate(found["groups"]):
        columns = ("negatives", "positives", "probability")
        n0, n1, p = (np.array([cell[column] for cell in group["cells"]]) for column in columns)
        assert (n0.sum(), n1.sum()) == (rule.negatives_[number], rule.positives_[number])
        assert n0 @ p / n0.sum() == pytest.approx(group["fpr"], abs=1e-12)
        assert n1 @ p / n1.sum() == pytest.approx(group["tpr"], abs=1e-12)
        assert group["probability_of_unseen_cells"] == group["fpr"] == rule.fpr_[number]
        cost += (2 * n0 @ p + n1 @ (1 - p)) / 4000
        for cell in group["cells"]:
            asked = [[int(vote) for vote in cell["cell"]]]
            assert rule.probability(asked, [group["group"]])[0] == cell["probability"]
    assert cost == pytest.approx(found["cost"], abs=1e-12)


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        ([("b", 1), ("a", 2)], [("a", 2), ("b", 1)]),
        (["ten", 3], [3, "ten"]),
        ([True, False], [False, True]),
        ([2.5, -1.0], [-1.0, 2.5]),
    ],
)
def test_groups_may_be_any_hashable(names, ordered):
    votes, labels, groups = sample(3, groups=2)
    rule = EqualizedOdds().fit(votes, labels, [names[g] for g in groups])
    assert rule.groups_ == ordered
    json.dumps(rule.to_dict())
    plain = EqualizedOdds().fit(votes, labels, [ordered.index(names[g]) for g in groups])
    np.testing.assert_array_equal(
        rule.probability(votes, [names[g] for g in groups]),
        plain.probability(votes, [ordered.index(names[g]) for g in groups]),
    )


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint8, np.int64, np.float32, np.float64])
def test_input_types_make_no_difference(kind):
    votes, labels, groups = sample(5)
    expected = EqualizedOdds().fit(votes, labels, groups).to_dict()
    assert (
        EqualizedOdds().fit(votes.astype(kind), labels.astype(kind), groups.tolist()).to_dict()
        == expected
    )
    frame = pd.DataFrame(votes.astype(kind))
    assert EqualizedOdds().fit(frame, pd.Series(labels), pd.Series(groups)).to_dict() == expected
    assert EqualizedOdds().fit(np.asfortranarray(votes), labels, groups).to_dict() == expected


def test_inputs_are_left_alone():
    votes, labels, groups = sample(5)
    copies = votes.copy(), labels.copy(), groups.copy()
    EqualizedOdds(cells="pooled").fit(votes, labels, groups).predict(
        votes, groups, np.random.default_rng(0)
    )
    for array, copy in zip((votes, labels, groups), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_imports_numpy_alone():
    code = (
        "import sys, palimpsest.fairness;"
        "heavy = {'torch', 'pandas', 'scipy', 'sklearn', 'transformers'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
