"""fairsisa_postprocess_first (Kadhe et al. 2023): each teacher is post-processed to equalized odds
on its own, then they vote.

Each teacher draws its own decision, independently, so that the vote's probability is exact (Poisson
binomial). Fair members do not make a fair vote: a gap remains even on the records it was fitted on.
"""

from __future__ import annotations

import numpy as np

from palimpsest.ensemble.vote import majority_probability, votes
from palimpsest.methods.decision import (
    Calibration,
    Decisions,
    binary,
    facts,
    post_process,
    random_share,
)


def decide(probabilities: np.ndarray, calibration: Calibration, settings: dict) -> Decisions:
    """probabilities (S, n, 2) -> randomised decisions; cost and draws are counted of the vote,
    patterns of the mean teacher."""
    fitted = [post_process(vote[None, :], calibration, settings) for vote in votes(probabilities)]
    positive = majority_probability(np.stack([probability for probability, _ in fitted]))
    decisions = binary(positive)
    rows, labels = calibration.rows, calibration.labels
    wrong = np.where(
        labels == 1, settings["cost_fn"] * (1 - positive), settings["cost_fp"] * positive
    )
    of_the_vote = {
        "fit_cost": float(wrong[rows].mean()),
        "random_share": random_share(positive[rows]),
        "patterns_per_record": float(
            np.mean([facts(rule)["patterns_per_record"] for _, rule in fitted])
        ),
    }
    rule = {"teachers": [rule.to_dict() for _, rule in fitted]}
    return Decisions(decisions, decisions, of_the_vote, rule)
