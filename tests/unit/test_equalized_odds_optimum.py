"""The rule of EqualizedOdds is feasible, optimal and attained: by hand, by brute force, against
HiGHS and fairlearn."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from scipy.optimize import linprog
from sklearn.base import BaseEstimator, ClassifierMixin

from palimpsest.fairness import EqualizedOdds
from palimpsest.fairness.hull import Hull
from palimpsest.fairness.optimum import BoxSearch, common_point
from palimpsest.fairness.realise import mix, threshold, window
from palimpsest.randomness import numpy_generator

TOLERANCES = (0.0, 0.01, 0.05, 0.1, 0.3, 0.7)
COSTS = ((1.0, 1.0), (1.0, 4.0), (3.0, 0.5))
INSTANCES = 170  # for each tolerance: 1,020 in all


def draw(rng, shards, groups, records):
    """Correlated votes (n, S), labels and groups (n,); skill and thresholds differ by shard and
    group."""
    group = np.concatenate(
        (np.repeat(np.arange(groups), 2), rng.integers(0, groups, records - 2 * groups))
    )
    label = (rng.random(records) < rng.uniform(0.1, 0.9, groups)[group]).astype(int)
    label[: 2 * groups] = np.tile([0, 1], groups)  # both labels in every group
    skill, offset = rng.normal(0.8, 0.5, (groups, shards)), rng.normal(0, 0.4, (groups, shards))
    noise = rng.normal(size=(records, shards)) + rng.uniform(0, 2) * rng.normal(size=(records, 1))
    return (
        ((2 * label - 1)[:, None] * skill[group] + noise > offset[group]).astype(int),
        label,
        group,
    )


def linear_program(votes, label, group, eps, cost_fp, cost_fn):
    """Least cost by HiGHS: one probability for each pattern in each group, rates within [s, s +
    eps] x [t, t + eps]."""
    blocks, cost, constant = [], [], 0.0
    for a in np.unique(group):
        _, pattern = np.unique(
            votes[group == a] @ (1 << np.arange(votes.shape[1])), return_inverse=True
        )
        positives = np.bincount(pattern, label[group == a])
        negatives = np.bincount(pattern) - positives
        blocks.append((negatives / negatives.sum(), positives / positives.sum()))
        cost.append((cost_fp * negatives - cost_fn * positives) / len(label))
        constant += cost_fn * positives.sum() / len(label)
    ends = np.cumsum([len(part) for part in cost])
    rows = np.zeros((2 * len(blocks), ends[-1] + 2))
    for i, (rates, end) in enumerate(zip(blocks, ends, strict=True)):
        for j, rate in enumerate(rates):
            rows[2 * i + j, end - len(rate) : end] = rate
            rows[2 * i + j, ends[-1] + j] = -1
    found = linprog(
        np.concatenate((*cost, [0.0, 0.0])),
        A_ub=np.concatenate((rows, -rows)),
        b_ub=np.repeat([eps, 0.0], len(rows)),
        bounds=[(0, 1)] * ends[-1] + [(None, None)] * 2,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert found.status == 0
    return found.fun + constant


def realised(rule, votes, label, group):
    """Cost and rates (G, 2) of the rule, summed over the records themselves."""
    p = rule.probability(votes, group)
    cost = (rule.cost_fp * p[label == 0].sum() + rule.cost_fn * (1 - p[label == 1]).sum()) / len(p)
    rates = [[p[(group == a) & (label == truth)].mean() for truth in (0, 1)] for a in rule.groups_]
    return cost, np.array(rates)


def random_hull(rng, cells):
    """Counts over six orders of magnitude, with cells that hold one label only."""
    negatives, positives = np.floor(10 ** rng.uniform(-1, 6, (2, cells))).astype(int)
    negatives[0] += 1
    positives[-1] += 1
    kept = negatives + positives > 0
    return Hull(negatives[kept], positives[kept])


def one_shard(negatives_for, negatives_against, positives_for, positives_against):
    votes = np.repeat(
        [1, 0, 1, 0], [negatives_for, negatives_against, positives_for, positives_against]
    )
    labels = np.repeat(
        [0, 1], [negatives_for + negatives_against, positives_for + positives_against]
    )
    return votes[:, None], labels


@pytest.fixture(scope="module")
def by_hand():
    """One shard; group a has the ROC vertex (0.2, 0.8), group b has (0.4, 0.6); 10 records of each
    label in each."""
    (votes_a, labels_a), (votes_b, labels_b) = one_shard(2, 8, 8, 2), one_shard(4, 6, 6, 4)
    return (
        np.concatenate((votes_a, votes_b)),
        np.concatenate((labels_a, labels_b)),
        np.repeat(["a", "b"], 20),
    )


@pytest.mark.parametrize("realise", ["mix", "window"])
def test_exact_equalized_odds_by_hand(by_hand, realise):
    """b's hull (0,0) (0.4,0.6) (1,1) lies below a's (0,0) (0.2,0.8) (1,1), so the common point is
    on b's.

    Error x/2 + (1-y)/2 is 0.5 at both ends and 0.4 at b's vertex. There b keeps its votes; a must
    have 0.2 p + 0.8 q = 0.4 and 0.8 p + 0.2 q = 0.6 with p, q for votes 1, 0: p = 2/3, q = 1/3, in
    either realisation. Alone a errs 0.2 and b 0.4, together 0.3. Half the records (a's) are decided
    at random; 4 cells, 40 records.
    """
    votes, labels, groups = by_hand
    rule = EqualizedOdds(realise=realise).fit(votes, labels, groups)
    assert rule.groups_ == ["a", "b"]
    np.testing.assert_allclose([rule.fpr_, rule.tpr_], [[0.4, 0.4], [0.6, 0.6]], atol=1e-15)
    np.testing.assert_allclose(
        rule.probability([[0], [1], [0], [1]], ["a", "a", "b", "b"]),
        [1 / 3, 2 / 3, 0, 1],
        atol=1e-15,
    )
    assert rule.cost_ == pytest.approx(0.4, abs=1e-15)
    assert rule.unconstrained_cost_ == pytest.approx(0.3, abs=1e-15)
    assert (rule.random_share_, rule.patterns_per_record_) == (0.5, 0.1)


def test_relaxed_equalized_odds_by_hand(by_hand):
    """With eps = 0.1 b stays at (0.4, 0.6) and a goes as near to (0.2, 0.8) as the box lets it:
    (0.3, 0.7).

    The error is (0.4 + 0.4 + 0.3 + 0.3) / 4 = 0.35. Moving b by d along its hull, with the box,
    costs more either way: right (d + d) - (2/3 d + 2/3 d) = 2/3 d, left (1.5 d + 1.5 d) - (d + d) =
    d.
    """
    rule = EqualizedOdds(eps=0.1).fit(*by_hand)
    np.testing.assert_allclose([rule.fpr_, rule.tpr_], [[0.3, 0.4], [0.7, 0.6]], atol=1e-14)
    assert rule.cost_ == pytest.approx(0.35, abs=1e-14)
    assert rule.gap_ == pytest.approx(0.1, abs=1e-14)
    assert rule.random_share_ == 0.5  # b is certain, whatever rounding leaves


def test_optimum_at_a_crossing_by_hand():
    """Hulls (0,0) (0.1,0.5) (1,1) and (0,0) (0.5,0.9) (1,1): they cross where 4/9 + 5/9 x = 9/5 x,
    at x = 5/14.

    4/9 = (9/5 - 5/9) x = 56/45 x gives x = 5/14, y = 9/14. There the lowest hull turns from slope
    9/5 to 5/9: with equal costs it is the optimum, although no vertex of either hull has that FPR.
    """
    hulls = [Hull(np.array([1, 9]), np.array([5, 5])), Hull(np.array([5, 5]), np.array([9, 1]))]
    x, y = common_point(hulls, np.full(2, 0.25), np.full(2, 0.25))
    np.testing.assert_allclose([x, y], [[5 / 14] * 2, [9 / 14] * 2], atol=1e-15)


@pytest.mark.parametrize("eps", TOLERANCES)
def test_optimal_feasible_and_attained_against_highs(eps):
    for number in range(INSTANCES):
        rng = numpy_generator("highs", eps, number)
        shards, groups = int(rng.integers(1, 10)), int(rng.integers(2, 9))
        data = draw(rng, shards, groups, int(60 * 50 ** rng.random()))
        cost_fp, cost_fn = COSTS[number % 3]
        settings = {"eps": eps, "cost_fp": cost_fp, "cost_fn": cost_fn}
        rule = EqualizedOdds(**settings, realise=("mix", "window")[number % 2]).fit(*data)
        assert rule.cost_ == pytest.approx(linear_program(*data, **settings), abs=1e-9), (
            number,
            shards,
            groups,
        )
        cost, rates = realised(rule, *data)
        assert cost == pytest.approx(rule.cost_, abs=1e-12)
        assert np.ptp(rates, axis=0).max() <= eps + 1e-12
        np.testing.assert_allclose(rates.T, [rule.fpr_, rule.tpr_], atol=1e-12)
        p = rule.probability(data[0], data[2])
        # rounding makes no decision random
        assert rule.random_share_ == np.mean((p > 1e-6) & (p < 1 - 1e-6))


@pytest.mark.parametrize("eps", [0.0, 0.1])
def test_many_shards_and_groups_against_highs(eps):
    """No array of size 2**S is made: S = 63 is like any other."""
    for shards, groups in ((31, 3), (63, 12)):
        data = draw(numpy_generator("many", shards), shards, groups, 1500)
        rule = EqualizedOdds(eps=eps).fit(*data)
        assert rule.cost_ == pytest.approx(linear_program(*data, eps, 1.0, 1.0), abs=1e-9)
        assert realised(rule, *data)[0] == pytest.approx(rule.cost_, abs=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("realise", ["mix", "window"])
@pytest.mark.parametrize("eps", TOLERANCES)
def test_votes_without_evidence_and_perfect_votes(eps, realise):
    """Group 0 always votes alike, so its hull is the diagonal; group 1 votes the label; a third is
    as usual."""
    votes, labels, groups = draw(numpy_generator("evidence"), 3, 3, 400)
    votes = np.where(
        groups[:, None] == 0, 1, np.where(groups[:, None] == 1, labels[:, None], votes)
    )
    rule = EqualizedOdds(eps=eps, realise=realise).fit(votes, labels, groups)
    assert rule.cost_ == pytest.approx(
        linear_program(votes, labels, groups, eps, 1.0, 1.0), abs=1e-9
    )
    cost, rates = realised(rule, votes, labels, groups)
    assert (
        cost == pytest.approx(rule.cost_, abs=1e-12) and np.ptp(rates, axis=0).max() <= eps + 1e-12
    )


@pytest.mark.parametrize("eps", [0.0, 1e-6, 0.01, 0.2, 1.0])
def test_steep_hulls_against_highs(eps):
    """Levels of one record beside levels of a million: the search and both realisations keep their
    precision."""
    for number in range(20):
        rng = numpy_generator("steep", number)
        hulls = [random_hull(rng, 30) for _ in range(rng.integers(1, 6))]
        alpha, beta = rng.uniform(0.1, 1, (2, len(hulls)))
        x, y = (
            common_point(hulls, alpha, beta)
            if eps == 0
            else BoxSearch(hulls, alpha, beta, eps).solve()
        )
        ends = np.cumsum([len(hull.negatives) for hull in hulls])
        cost, rows = np.zeros(ends[-1] + 2), np.zeros((2 * len(hulls), ends[-1] + 2))
        for i, (hull, end) in enumerate(zip(hulls, ends, strict=True)):
            own = slice(end - len(hull.negatives), end)
            rows[2 * i, own], rows[2 * i, -2] = np.diff(hull.fpr), -1
            rows[2 * i + 1, own], rows[2 * i + 1, -1] = np.diff(hull.tpr), -1
            cost[own] = alpha[i] * rows[2 * i, own] - beta[i] * rows[2 * i + 1, own]
        limits, bounds = np.repeat([eps, 0.0], len(rows)), [(0, 1)] * ends[-1] + [(None, None)] * 2
        found = linprog(cost, np.concatenate((rows, -rows)), limits, bounds=bounds, method="highs")
        assert alpha @ x - beta @ y == pytest.approx(found.fun, abs=1e-9)
        for realise in (mix, window):
            rates = [
                hull.rates(realise(hull, *point)) for hull, *point in zip(hulls, x, y, strict=True)
            ]
            assert np.ptp(rates, axis=0).max() <= eps + 1e-12


def test_hull_of_two_shards_against_all_rules():
    """The 16 deterministic rules on 4 patterns span the attainable region: the hull covers them and
    is made of them."""
    for number in range(200):
        rng = numpy_generator("rules", number)
        negatives, positives = (
            rng.integers(0, 6, (2, 4)) + np.eye(4, dtype=int)[rng.permutation(4)[:2]]
        )
        kept = negatives + positives > 0
        hull = Hull(negatives[kept], positives[kept])
        rules = np.array(list(product((0, 1), repeat=4)))
        x, y = rules @ negatives / negatives.sum(), rules @ positives / positives.sum()
        assert (y <= hull.upper(x) + 1e-12).all()
        assert (y >= 1 - hull.upper(1 - x) - 1e-12).all()
        nearest = np.hypot(hull.fpr[:, None] - x, hull.tpr[:, None] - y).min(axis=1)
        assert nearest.max() < 1e-12
        assert (
            np.diff(hull.fpr)[:-1] * np.diff(hull.tpr)[1:]
            < np.diff(hull.fpr)[1:] * np.diff(hull.tpr)[:-1]
        ).all()


def test_hull_inverse_by_hand():
    """Steps up 1/2, (1/4, 1/2), right 3/4: U(0) = 1/2, U(1/8) = 3/4, U = 1 from x = 1/4 on."""
    hull = Hull(np.array([0, 1, 3]), np.array([2, 2, 0]))
    np.testing.assert_array_equal(hull.upper([0, 0.125, 0.25, 1]), [0.5, 0.75, 1, 1])
    np.testing.assert_array_equal(hull.least_fpr([0, 0.25, 0.5, 0.75, 1]), [0, 0, 0, 0.125, 0.25])
    np.testing.assert_array_equal(
        hull.fpr_per_tpr([0, 0.25, 0.5, 0.75, 1]), [0, 0, 0.5, 0.5, np.inf]
    )


def test_hull_inverse():
    """least_fpr is the least x with U(x) >= y, and fpr_per_tpr its slope."""
    for number in range(100):
        rng = numpy_generator("inverse", number)
        hull = random_hull(rng, 12)
        y = rng.uniform(0, 1, 50)
        x = hull.least_fpr(y)
        np.testing.assert_allclose(hull.upper(x), np.maximum(y, hull.upper(0.0)), atol=1e-9)
        assert (hull.upper(x - 1e-4)[x > 1e-4] < y[x > 1e-4]).all()
        step = 1e-9
        smooth = np.searchsorted(hull.tpr, y) == np.searchsorted(hull.tpr, y + step)
        slope = (hull.least_fpr(y + step) - x)[smooth] / step
        np.testing.assert_allclose(slope, hull.fpr_per_tpr(y)[smooth], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("realise", [mix, window])
def test_realisations_reach_the_point(realise):
    for number in range(400):
        rng = numpy_generator("realise", number)
        hull = random_hull(rng, int(rng.integers(1, 30)))
        x = float(rng.choice([rng.random(), rng.choice(hull.fpr)]))
        # a coin mixed in cannot go below the diagonal
        lowest = x if realise is mix else float(1 - hull.upper(1 - x))
        highest = float(hull.upper(x))
        y = float(rng.choice([lowest, highest, rng.uniform(lowest, highest)]))
        rule = realise(hull, x, y)
        assert rule.min() >= 0 and rule.max() <= 1 + 1e-15
        np.testing.assert_allclose(hull.rates(rule), [x, y], atol=1e-12)
        if realise is window:
            assert ((rule > 0) & (rule < 1)).sum() <= 2
        if y == highest:
            np.testing.assert_array_equal(rule, threshold(hull, x, y))


@pytest.mark.filterwarnings("error")
def test_mix_on_the_diagonal():
    """Votes that say nothing: the threshold rule at x is the coin itself, also where rounding puts
    y beside it."""
    hull = Hull(np.array([3]), np.array([5]))
    for x in (0.0, 0.3, 1.0):
        for y in (np.nextafter(x, -1), x, np.nextafter(x, 2)):
            np.testing.assert_allclose(mix(hull, x, y), [x], atol=1e-15)


def test_window_is_less_random_than_mix():
    data = draw(numpy_generator("window"), 7, 4, 3000)
    mixed, windowed = (EqualizedOdds(realise=name).fit(*data) for name in ("mix", "window"))
    assert windowed.random_share_ < mixed.random_share_ / 2
    assert windowed.cost_ == pytest.approx(mixed.cost_, abs=1e-12)


@pytest.mark.parametrize("eps", [0.0, 0.05])
def test_invariance(eps):
    """The order of shards, the names of groups and the number of copies of the data are no
    evidence."""
    votes, labels, groups = draw(numpy_generator("invariance"), 6, 4, 900)
    rule = EqualizedOdds(eps=eps, cost_fn=2.0).fit(votes, labels, groups)
    p = rule.probability(votes, groups)
    shuffled = np.random.default_rng(0).permutation(6)
    names = np.array(["delta", "alpha", "charlie", "bravo"], dtype=object)[groups]
    for other_votes, other_labels, other_groups in (
        (votes[:, shuffled], labels, groups),
        (votes, labels, names),
        (np.tile(votes, (3, 1)), np.tile(labels, 3), np.tile(groups, 3)),
    ):
        other = EqualizedOdds(eps=eps, cost_fn=2.0).fit(other_votes, other_labels, other_groups)
        assert other.cost_ == pytest.approx(rule.cost_, abs=1e-12)
        np.testing.assert_allclose(np.sort(other.fpr_), np.sort(rule.fpr_), atol=1e-12)
        np.testing.assert_allclose(
            other.probability(other_votes, other_groups)[: len(p)], p, atol=1e-9
        )


def test_cost_falls_and_is_convex_in_eps():
    data = draw(numpy_generator("monotone"), 5, 5, 1500)
    rules = [EqualizedOdds(eps=eps).fit(*data) for eps in np.linspace(0, 1, 41)]
    cost = np.array([rule.cost_ for rule in rules])
    assert (np.diff(cost) <= 1e-12).all() and cost[0] > cost[-1] + 0.01
    # the value of a linear program is convex in its right-hand side
    assert (np.diff(cost, 2) >= -1e-12).all()
    assert cost[-1] == pytest.approx(rules[0].unconstrained_cost_, abs=1e-12)
    nearly = EqualizedOdds(eps=1e-13).fit(*data)
    assert nearly.cost_ == pytest.approx(cost[0], abs=1e-11)


def test_without_constraint_each_pattern_follows_bayes():
    """eps = 1: decide 1 exactly where the positives of the cell cost more than its negatives (never
    a tie here)."""
    votes, labels, groups = draw(numpy_generator("bayes"), 4, 3, 800)
    rule = EqualizedOdds(eps=1.0, cost_fp=np.sqrt(2)).fit(votes, labels, groups)
    p = rule.probability(votes, groups)
    for row in range(0, len(votes), 7):
        cell = (groups == groups[row]) & (votes == votes[row]).all(axis=1)
        assert p[row] == (labels[cell].sum() > np.sqrt(2) * (1 - labels[cell]).sum())
    assert rule.random_share_ == 0
    assert rule.cost_ == pytest.approx(rule.unconstrained_cost_, abs=1e-15)


def test_single_group_needs_no_fairness():
    votes, labels, _ = draw(numpy_generator("single"), 4, 1, 300)
    rule = EqualizedOdds().fit(votes, labels, np.zeros(300))
    assert rule.cost_ == pytest.approx(rule.unconstrained_cost_, abs=1e-15) and rule.gap_ == 0


class EmpiricalProbability(ClassifierMixin, BaseEstimator):
    """Maps (votes, group) to the share of positives in that cell: with it fairlearn walks the same
    hull."""

    def fit(self, features, labels):
        cells, place = np.unique(features, axis=0, return_inverse=True)
        share = np.bincount(place.ravel(), labels) / np.bincount(place.ravel())
        self.share_ = {tuple(cell): value for cell, value in zip(cells, share, strict=True)}
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, features):
        return np.array([self.share_[tuple(row)] for row in features])


@pytest.mark.parametrize("grid", [1000, 10_000])
def test_parity_with_fairlearn_within_its_grid(grid):
    """fairlearn takes the best of grid + 1 values of the common FPR, so it is never below our cost.

    The first value right of our x is less than 1/grid away, and U does not fall: there the cost
    alpha x - beta U(x) is above ours by at most alpha/grid, alpha = P(Y=0).
    """
    for shards, groups in ((3, 2), (5, 4), (9, 3)):
        votes, labels, group = draw(numpy_generator("fairlearn", shards), shards, groups, 3000)
        features = np.column_stack((votes, group))
        optimizer = ThresholdOptimizer(
            estimator=EmpiricalProbability(),
            constraints="equalized_odds",
            objective="accuracy_score",
            predict_method="predict",
            grid_size=grid,
        ).fit(features, labels, sensitive_features=group)
        p = optimizer._pmf_predict(features, sensitive_features=group)[:, 1]
        theirs = np.where(labels == 1, 1 - p, p).mean()
        ours = EqualizedOdds().fit(votes, labels, group).cost_
        assert -1e-12 <= theirs - ours <= (labels == 0).mean() / grid + 1e-12
