"""What teaching new answers did to a causal model: whether it says them, whether it does so when it
is asked in other words, and whether it says what it said about everything else (reliability,
generality, locality: Yao et al. 2023, as in Ni et al. 2024).

Agreement with a new answer is by token, as in EasyEdit: what stands before a token is the new
answer, not what the model wrote. The end of text is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from palimpsest.metrics.inputs import weighted_mean
from palimpsest.metrics.memorization import exact_memorization
from palimpsest.metrics.tokens import TokenScores


def reliability(scores: TokenScores, weights=None):
    """Mean over edits of the share of the new answer's tokens that are the likeliest, () or (B,);
    [0, 1]. scores: of the new answers to the prompts that were taught."""
    return exact_memorization(scores, weights)


def generality(scores: TokenScores, weights=None):
    """As reliability, of the same new answers to the prompts in other words."""
    return exact_memorization(scores, weights)


def locality(said: Sequence, before: Sequence, weights=None):
    """Share of prompts about something else after which the model writes what it wrote before, ()
    or (B,); [0, 1]. said, before: (n,) what both wrote, or digests of it."""
    if len(said) != len(before):
        raise ValueError(f"{len(said)} answers are not of the same prompts as {len(before)}")
    alike = [float(one == other) for one, other in zip(said, before, strict=True)]
    return weighted_mean(np.array(alike), weights)
