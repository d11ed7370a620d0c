"""fairsisa_ensemble (Kadhe et al. 2023): the joint pattern of the S votes is post-processed at
once.

Among all randomised rules of (votes, group) that satisfy equalized odds on the fitted records, this
one has the least expected cost. The number of patterns grows with 2^S: where they are too many for
the records, use `cells: count` or `pooled`.
"""

from __future__ import annotations

import numpy as np

from palimpsest.ensemble.vote import votes
from palimpsest.methods.decision import Calibration, Decisions, binary, facts, post_process


def decide(probabilities: np.ndarray, calibration: Calibration, settings: dict) -> Decisions:
    """probabilities (S, n, 2) -> randomised decisions."""
    positive, rule = post_process(votes(probabilities), calibration, settings)
    decisions = binary(positive)
    return Decisions(decisions, decisions, facts(rule), rule.to_dict())
