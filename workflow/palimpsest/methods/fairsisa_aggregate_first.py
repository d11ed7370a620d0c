"""fairsisa_aggregate_first (Kadhe et al. 2023): majority vote first, then the one vote is
post-processed to equalized odds (Hardt et al. 2016).

Exactly fair on the records it was fitted on. With a single bit per record, the ROC curve of each
group has one point.
"""

from __future__ import annotations

import numpy as np

from palimpsest.ensemble.vote import majority
from palimpsest.methods.decision import Calibration, Decisions, binary, facts, post_process


def decide(probabilities: np.ndarray, calibration: Calibration, settings: dict) -> Decisions:
    """probabilities (S, n, 2) -> randomised decisions; minimises cost_fp P(false +) + cost_fn
    P(false -) under the allowed gap."""
    positive, rule = post_process(majority(probabilities)[None, :], calibration, settings)
    decisions = binary(positive)
    return Decisions(decisions, decisions, facts(rule), rule.to_dict())
