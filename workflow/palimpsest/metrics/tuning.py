"""How good a trial is, and methods compared at equal utility along their trials."""

from __future__ import annotations

from collections.abc import Sequence

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


def matched(points: Sequence[tuple[float, float]], at: float) -> float | None:
    """What of the forgotten is left at a divergence ``at`` from the base on retained text, along a
    method's trials: points of (divergence, left). None outside of the trials: nothing is
    extrapolated. Defined here.

    A trial that diverges more and has no less left is of no use: only those stay which have less
    left than all that diverge less (the monotone envelope). Between two of them it is linear.
    Trials that differ in several settings lie on no curve; the envelope is what these found, not
    what the method could.
    """
    kept: list[tuple[float, float]] = []
    for divergence, rest in sorted(points):
        if not kept or rest < kept[-1][1]:
            kept.append((divergence, rest))
    most = max((divergence for divergence, _ in points), default=at)
    if not kept or not kept[0][0] <= at <= most:
        return None
    before = [one for one in kept if one[0] <= at][-1]
    after = next((one for one in kept if one[0] > at), None)
    if after is None:
        return before[1]
    share = (at - before[0]) / (after[0] - before[0])
    return before[1] + share * (after[1] - before[1])
