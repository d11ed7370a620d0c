"""How good a trial is, and methods compared at equal utility along their trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

LEAST = 0.01  # the least distance that counts as one between base and oracle


def left(value: float, base: float, oracle: float) -> float:
    """How far a number of what is to be forgotten lies from the oracle's, over how far the base's
    does: 0 where it is the oracle's, 1 where it is as it was; [0, inf]. Defined here.

    Forgetting more than the oracle counts like forgetting less. Where base and oracle differ by
    less than ``LEAST``, that stands for their difference: noise must not be blown up.
    """
    return abs(value - oracle) / max(abs(base - oracle), LEAST)


def lost(value: float, base: float) -> float:
    """By how much a number in [0, 1], of which more is better, is less than the base's, over the
    base's: [0, 1]. 0 where it is not less. Defined here."""
    return max(0.0, base - value) / base if base > 0 else 0.0


def best(scores: Sequence[float | None]) -> int | None:
    """The place of the least score, the first of equal ones; None where no trial has one."""
    scored = [(score, place) for place, score in enumerate(scores) if score is not None]
    return min(scored)[1] if scored else None


def envelope(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of points (divergence, left) those that have less left than all that diverge less, by their
    divergence: the others are of no use. From the last of them it goes on, level, to the largest
    divergence."""
    ordered, kept = sorted(points), []
    for divergence, rest in ordered:
        if not kept or rest < kept[-1][1]:
            kept.append((divergence, rest))
    if kept and ordered[-1][0] > kept[-1][0]:
        kept.append((ordered[-1][0], kept[-1][1]))
    return kept


def matched(points: Iterable[tuple[float, float]], at: float) -> float | None:
    """What of the forgotten is left at a divergence ``at`` from the base on retained text, along
    the ``envelope`` of a method's trials, linear between two of them. None outside of the trials:
    nothing is extrapolated. Defined here.

    Trials that differ in several settings lie on no curve: this is what the trials found, not what
    the method could reach.
    """
    kept = envelope(points)
    if not kept or not kept[0][0] <= at <= kept[-1][0]:
        return None
    for (low, before), (high, after) in pairwise(kept):
        if low <= at < high:
            return before + (at - low) / (high - low) * (after - before)
    return kept[-1][1]
