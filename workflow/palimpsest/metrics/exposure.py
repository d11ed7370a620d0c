"""How far a planted secret stands out among those that could have been planted in its place
(Carlini et al. 2019).

A canary is drawn from a space R of |R| equally likely secrets in one carrier sentence. Its loss is
the *sum* of the NLLs of all tokens of that sentence, as in the paper: a mean would favour what
falls into many tokens. What stands before the secret adds the same to each; what stands after it is
predicted from it and counts. Units do not matter, only the order of losses does.

Chance alone gives 1.44 bits on average (log2 e: the mean of -log2 of a uniform draw), log2 |R| is
the most there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Exposure:
    """The rank of a canary, exact or estimated from a sample."""

    # [1, space]: 1 where no other secret of the space is as likely; a whole number only if exact
    rank: float
    space: int  # |R|
    estimate: Literal["exact", "sample"]

    @property
    def bits(self) -> float:
        """log2 |R| - log2 rank; [0, log2 |R|]. Carlini et al. 2019."""
        return log2(self.space) - log2(self.rank)


def exact_exposure(canary: float, alternatives) -> Exposure:
    """From the losses of all other secrets of the space, (|R| - 1,), the canary's own left out.

    Equal losses take the worst rank, so that a model that finds all secrets alike exposes none of
    them.
    """
    alternatives = _losses(canary, alternatives)
    return Exposure(_rank(canary, alternatives), len(alternatives) + 1, "exact")


def sampled_exposure(canary: float, sample, space: int) -> Exposure:
    """From the losses of m secrets drawn at random, (m,): the rank among them, scaled to the space.
    Carlini et al. 2019.

    rank = (1 + #{sample <= canary}) |R| / (m + 1). It shows log2(m + 1) bits at most: a canary more
    likely than all of the sample may be exposed more than that. space: |R|, more than m.
    """
    sample = _losses(canary, sample, space)
    return Exposure(_rank(canary, sample) * space / (len(sample) + 1), space, "sample")


def _rank(canary: float, losses: np.ndarray) -> int:
    return 1 + int((losses <= canary).sum())


def _losses(canary: float, losses, space: int | None = None) -> np.ndarray:
    losses = np.asarray(losses, dtype=np.float64)
    if losses.ndim != 1 or not len(losses) or np.isnan(losses).any() or np.isnan(canary):
        raise ValueError(
            "the losses of the other secrets must have shape (m,) with m >= 1, and none may be NaN"
        )
    if space is not None and space <= len(losses):
        raise ValueError(f"a space of {space} secrets has no sample of {len(losses)} others")
    return losses
