"""base: the model trained on all of D, A_D. Nothing is forgotten; every method is judged by how far
it moves from here."""

from __future__ import annotations

import numpy as np

from palimpsest.ensemble.vote import one_hot
from palimpsest.methods.decision import Calibration, Decisions


def decide(probabilities: np.ndarray, calibration: Calibration | None, settings: dict) -> Decisions:
    """probabilities (S, n, C) -> the likeliest class of their mean; ties to the lowest class."""
    mean = probabilities.mean(axis=0)
    return Decisions(one_hot(mean.argmax(axis=-1), mean.shape[-1]), mean)
