"""Post-process an ensemble of S classifiers to equalized odds: the optimal randomised rule of
(votes, group).

Kadhe et al., "FairSISA: Ensemble Post-Processing to Improve Fairness of Unlearning in LLMs" (arXiv
2312.07420), adapt Hardt, Price and Srebro (2016) to an ensemble by a linear program with 2**S
variables a group. This solves the same problem without one: votes matter through their likelihood
ratio alone, so sorting the patterns that were seen gives each group's ROC hull (``hull``), and the
rest is geometry in the plane (``optimum``, ``realise``).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from palimpsest.errors import Problem, UserError
from palimpsest.fairness.hull import Cells, Hull, count_cells, pool_rare, vote_counts
from palimpsest.fairness.inputs import (
    check_lengths,
    number_groups,
    read_groups,
    read_labels,
    read_votes,
)
from palimpsest.fairness.optimum import BoxSearch, common_point, unconstrained_points
from palimpsest.fairness.realise import REALISATIONS
from palimpsest.fairness.rule import GroupRule

CELLS = ("pattern", "count", "pooled")
# a probability this near to 0 or 1 counts as certain: where the optimum is flat, rounding can leave
# as much
CERTAIN = 1e-6


@dataclass(kw_only=True, eq=False)
class EqualizedOdds:
    """Among all randomised rules q_a(cell) = P(decide 1 | cell, group a), the one that on the
    fitted records minimises

        cost = cost_fp * P(Y=0, decide 1) + cost_fn * P(Y=1, decide 0)

    subject to max_a FPR_a - min_a FPR_a <= eps and max_a TPR_a - min_a TPR_a <= eps. With unit
    costs it is the error.

    In-sample optimal is not good out of sample: with few records a cell the rule memorises the
    labels. Watch ``patterns_per_record_``, judge on held-out records, and coarsen ``cells`` if the
    two disagree.

    After ``fit``, about the fitted records: ``groups_`` list of the G groups, sorted; ``shards_``
    S; ``rules_`` one ``GroupRule`` a group; ``negatives_``, ``positives_`` (G,) records of each
    label; ``fpr_``, ``tpr_`` (G,) rates of the randomised rule; ``gap_`` the larger of the two
    differences above; ``cost_``; ``unconstrained_cost_`` the least cost at eps = 1, so that ``cost_
    - unconstrained_cost_`` is the price of fairness; ``random_share_`` share of records whose
    probability is neither 0 nor 1 (by more than 1e-6); ``patterns_per_record_`` distinct cells,
    counted in each group, / n.
    """

    eps: float = 0.0
    """Largest allowed difference between groups, of FPR and of TPR, in [0, 1]. 0 is equalized odds,
    1 no constraint."""
    cost_fp: float = 1.0
    """Cost of a false positive, > 0."""
    cost_fn: float = 1.0
    """Cost of a false negative, > 0."""
    cells: str = "pattern"
    """What the rule sees of the votes: who voted 1 (``pattern``), how many did (``count``), or the
    pattern where the group has at least ``pool_below`` fitted records with it, and else how many
    did (``pooled``)."""
    realise: str = "mix"
    """``mix``: threshold rule blended with a coin; most decisions may be random. ``window``: at
    most two levels of evidence are random, but some of the strongest patterns are denied outright,
    which an individual may find unfair."""
    pool_below: int = 50
    """Patterns with fewer fitted records in a group are rare (only for ``cells="pooled"``), >=
    1."""

    def fit(self, votes: object, labels: object, groups: Iterable[Hashable]) -> EqualizedOdds:
        """Fit on votes (n, S) of {0, 1}, 1 <= S <= 63; labels (n,) of {0, 1}; groups (n,) of any
        hashable values.

        Raises ``UserError`` with all problems found: settings out of range, other values than 0 and
        1, NaN, lengths that differ, no records, a missing group, a group in which one label does
        not occur.
        """
        problems = self._wrong_settings()
        patterns, shards = read_votes(votes, problems)
        truth = read_labels(labels, problems)
        members, distinct = read_groups(groups, problems)
        check_lengths({"votes": patterns, "labels": truth, "groups": members}, problems)
        if truth is not None and not len(truth):
            problems.append(
                Problem("there are no records to fit", "labels", "0 records", "at least 2 a group")
            )
        elif truth is not None and members is not None and len(truth) == len(members):
            names = _in_order(distinct)
            rows = number_groups(members, {group: number for number, group in enumerate(names)})
            problems.extend(_one_label(names, [truth[part] for part in rows]))
        if problems:
            raise UserError(problems)

        self.groups_, self.shards_ = names, shards
        codes = vote_counts(patterns) if self.cells == "count" else patterns
        counted = [count_cells(codes[part], truth[part]) for part in rows]
        if self.cells == "pooled":
            counted = [pool_rare(cells, self.pool_below, shards) for cells in counted]
        self._solve(counted)
        return self

    def probability(self, votes: object, groups: Iterable[Hashable]) -> np.ndarray:
        """P(decide 1) of each record, (n,) in [0, 1], for votes (n, S) and groups (n,).

        Votes in a cell that the group did not show in ``fit`` get the group's FPR as their
        probability: with no evidence either way, a coin that keeps that error rate. A group that
        ``fit`` did not see raises ``UserError``.
        """
        if not hasattr(self, "rules_"):
            raise UserError(
                Problem("the rule is not fitted", "EqualizedOdds", remedy="call fit first")
            )
        problems: list[Problem] = []
        patterns, shards = read_votes(votes, problems)
        members, distinct = read_groups(groups, problems)
        if patterns is not None and shards != self.shards_:
            found, allowed = f"{shards} shards", f"{self.shards_}, as fitted"
            problems.append(
                Problem(
                    "another number of shards",
                    "votes",
                    found,
                    allowed,
                    "vote with the same teachers",
                )
            )
        check_lengths({"votes": patterns, "groups": members}, problems)
        index = {group: number for number, group in enumerate(self.groups_)}
        unseen = _in_order(distinct - index.keys())
        if unseen:
            allowed = _some(map(repr, self.groups_))
            remedy = (
                "fit on records of these groups too, or give their records one of the fitted groups"
            )
            problems.append(
                Problem(
                    "groups that fit did not see",
                    "groups",
                    _some(map(repr, unseen)),
                    allowed,
                    remedy,
                )
            )
        if problems:
            raise UserError(problems)
        result = np.empty(len(members))
        for rule, part in zip(self.rules_, number_groups(members, index), strict=True):
            result[part] = rule.look_up(patterns[part], self.cells)
        return result

    def predict(
        self, votes: object, groups: Iterable[Hashable], rng: np.random.Generator
    ) -> np.ndarray:
        """Decisions (n,) of {0, 1}, drawn with ``rng``, one draw a record in their order. Inputs as
        ``probability``."""
        probability = self.probability(votes, groups)
        return (rng.random(len(probability)) < probability).astype(np.int64)

    def to_dict(self) -> dict:
        """The settings, the summary and each group's rule, cell by cell, in plain values that
        ``json.dump`` takes.

        A cell is named by its votes, shard 0 first (``"10110"``), or by how many were 1
        (``"count=3"``). From the records of each label and the probabilities in the cells all rates
        and the cost can be computed anew.
        """
        numbers = {name: float(getattr(self, name)) for name in ("eps", "cost_fp", "cost_fn")}
        summary = (
            "shards",
            "gap",
            "cost",
            "unconstrained_cost",
            "random_share",
            "patterns_per_record",
        )
        return {
            **numbers,
            "cells": self.cells,
            "pool_below": int(self.pool_below),
            "realise": self.realise,
            "records": int(self.negatives_.sum() + self.positives_.sum()),
            **{name: getattr(self, f"{name}_") for name in summary},
            "groups": [rule.to_dict(self.cells, self.shards_) for rule in self.rules_],
        }

    def _solve(self, counted: list[Cells]) -> None:
        hulls = [Hull(cells.negatives, cells.positives) for cells in counted]
        self.negatives_ = np.array([cells.negatives.sum() for cells in counted])
        self.positives_ = np.array([cells.positives.sum() for cells in counted])
        total = int(self.negatives_.sum() + self.positives_.sum())
        alpha, beta = self.cost_fp * self.negatives_ / total, self.cost_fn * self.positives_ / total
        alone = unconstrained_points(hulls, alpha, beta)
        if self.eps == 0:
            x, y = common_point(hulls, alpha, beta)
        else:
            x, y = BoxSearch(hulls, alpha, beta, self.eps).solve()

        self.rules_, rates, random = [], [], 0
        for group, cells, hull, *point in zip(self.groups_, counted, hulls, x, y, strict=True):
            level = np.clip(REALISATIONS[self.realise](hull, *point), 0.0, 1.0)
            rates.append(hull.rates(level))
            probability = level[hull.level]
            random += cells.records[np.minimum(probability, 1.0 - probability) > CERTAIN].sum()
            self.rules_.append(GroupRule(group, *rates[-1], cells, probability))
        self.fpr_, self.tpr_ = np.array(rates).T
        self.gap_ = float(max(np.ptp(self.fpr_), np.ptp(self.tpr_)))
        self.cost_ = float(alpha @ self.fpr_ + beta @ (1.0 - self.tpr_))
        self.unconstrained_cost_ = float(alpha @ alone[0] + beta @ (1.0 - alone[1]))
        self.random_share_ = float(random / total)
        self.patterns_per_record_ = sum(len(cells.codes) for cells in counted) / total

    def _wrong_settings(self) -> list[Problem]:
        numbers = (
            ("eps", self.eps, "a number from 0 to 1", lambda value: 0 <= value <= 1),
            ("cost_fp", self.cost_fp, "a finite number above 0", lambda value: 0 < value < np.inf),
            ("cost_fn", self.cost_fn, "a finite number above 0", lambda value: 0 < value < np.inf),
        )
        wrong = [
            (name, value, allowed)
            for name, value, allowed, holds in numbers
            if isinstance(value, bool) or not isinstance(value, Real) or not holds(value)
        ]
        for name, value, names in (
            ("cells", self.cells, CELLS),
            ("realise", self.realise, tuple(REALISATIONS)),
        ):
            if value not in names:
                wrong.append((name, value, ", ".join(names)))
        if (
            isinstance(self.pool_below, bool)
            or not isinstance(self.pool_below, Integral)
            or self.pool_below < 1
        ):
            wrong.append(("pool_below", self.pool_below, "a whole number from 1 on"))
        return [
            Problem(
                f"{name} is out of range",
                f"EqualizedOdds({name}=...)",
                repr(value),
                allowed,
                f"change {name}",
            )
            for name, value, allowed in wrong
        ]


def _one_label(names: list[Hashable], truths: list[np.ndarray]) -> list[Problem]:
    counts = zip(
        names,
        ((truth == 0).sum() for truth in truths),
        (truth.sum() for truth in truths),
        strict=True,
    )
    lacking = [
        f"group {name!r} has {n0} negatives and {n1} positives"
        for name, n0, n1 in counts
        if not (n0 and n1)
    ]
    if not lacking:
        return []
    what = "equalized odds is undefined for a group without negatives or without positives"
    remedy = "fit on more records, or merge the group with another"
    return [Problem(what, "labels, groups", _some(lacking), "both labels in every group", remedy)]


def _in_order(groups: set[Hashable]) -> list[Hashable]:
    try:
        return sorted(groups)
    except TypeError:  # values of different types have no order of their own
        return sorted(groups, key=lambda group: (type(group).__name__, repr(group)))


def _some(items: Iterable[str], most: int = 10) -> str:
    items = list(items)
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
