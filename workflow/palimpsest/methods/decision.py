"""What a method decides for each record, and what a fitted method learns from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """The records that a post-processor is fitted on.

    rows (n,) bool: which of all records; labels (n,) int; groups (n,) str: of all records.
    """

    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Decisions:
    """probability (n, C): of each decision, one-hot where nothing is drawn; score (n, C): what it
    was decided from; facts: numbers of the fit by name; rule: the fitted rule as plain values, for
    auditors."""

    probability: np.ndarray
    score: np.ndarray
    facts: dict[str, float] = field(default_factory=dict)
    rule: dict = field(default_factory=dict)


def binary(positive: np.ndarray) -> np.ndarray:
    """positive (n,): P(decide 1) -> (n, 2)."""
    return np.stack([1 - positive, positive], axis=-1)


def post_process(votes: np.ndarray, calibration: Calibration, settings: dict):
    """votes (S, n) -> (P(decide 1) (n,), fitted EqualizedOdds), fitted on the calibration rows
    alone."""
    from palimpsest.fairness import EqualizedOdds

    rule = EqualizedOdds(
        **{key: settings[key] for key in ("eps", "cost_fp", "cost_fn", "cells", "realise")}
    )
    rows, table = calibration.rows, votes.T
    rule.fit(table[rows], calibration.labels[rows], calibration.groups[rows])
    return rule.probability(table, calibration.groups), rule


def random_share(positive: np.ndarray) -> float:
    """P(decide 1) (n,) -> share of the records whose decision is left to a draw; [0, 1]."""
    from palimpsest.fairness.equalized_odds import CERTAIN

    return float((np.minimum(positive, 1 - positive) > CERTAIN).mean())


def facts(rule) -> dict[str, float]:
    """The numbers of a fitted rule that belong in the table."""
    return {
        "fit_cost": float(rule.cost_),
        "random_share": float(rule.random_share_),
        "patterns_per_record": float(rule.patterns_per_record_),
    }
