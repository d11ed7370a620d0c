"""sisa_vote: SISA (Bourtoule et al. 2021), teachers joined by majority vote; ties to the lowest
class, as its code has it."""

from __future__ import annotations

import numpy as np

from palimpsest.ensemble.vote import majority, one_hot, vote_share
from palimpsest.methods.decision import Calibration, Decisions


def decide(probabilities: np.ndarray, calibration: Calibration | None, settings: dict) -> Decisions:
    """probabilities (S, n, C) -> the class with most votes; the score is the share of votes."""
    return Decisions(
        one_hot(majority(probabilities), probabilities.shape[-1]), vote_share(probabilities)
    )
