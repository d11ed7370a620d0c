"""Votes and means of S teachers. Ties always go to the lowest class: votes are counted, not added
up as shares. The released SISA code (Bourtoule et al. 2021) adds 1/S for each vote, so that from 12
shards on rounding decides some ties otherwise."""

from __future__ import annotations

import numpy as np


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    """classes (...,) int -> (..., count) of {0, 1}."""
    return np.eye(count)[classes]


def votes(probabilities: np.ndarray) -> np.ndarray:
    """probabilities (S, n, C) -> votes (S, n) int: the likeliest class of each teacher."""
    return probabilities.argmax(axis=-1)


def vote_share(probabilities: np.ndarray) -> np.ndarray:
    """probabilities (S, n, C) -> (n, C): share of teachers that vote for each class."""
    return one_hot(votes(probabilities), probabilities.shape[-1]).mean(axis=0)


def majority(probabilities: np.ndarray) -> np.ndarray:
    """probabilities (S, n, C) -> (n,) int: the class with most votes."""
    return one_hot(votes(probabilities), probabilities.shape[-1]).sum(axis=0).argmax(axis=-1)


def majority_probability(positive: np.ndarray) -> np.ndarray:
    """positive (S, n): P(teacher s votes 1), drawn independently -> (n,): P(more than half vote 1);
    a tie is class 0.

    The sum of the draws is Poisson binomial; its distribution is built up teacher by teacher,
    exactly.
    """
    teachers, records = positive.shape
    counts = np.zeros((teachers + 1, records))
    counts[0] = 1.0
    for vote in positive:
        counts[1:] = counts[1:] * (1 - vote) + counts[:-1] * vote
        counts[0] *= 1 - vote
    # the sum of sure votes may round to above 1
    return counts[teachers // 2 + 1 :].sum(axis=0).clip(0.0, 1.0)
