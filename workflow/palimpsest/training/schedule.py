"""How long a stage trains, and how the learning rate moves. No torch, so that costs can be planned
without it."""

from __future__ import annotations

import math


def stage_epochs(epochs: int, slices: int) -> list[int]:
    """Epochs of each stage, such that R stages on growing data cost about what ``epochs`` on all of
    it cost.

    Stage j of R trains floor(j a) - floor((j - 1) a) epochs on slices 1..j, a = 2 e / (R + 1)
    (Bourtoule et al. 2021, released code). Integer arithmetic: floor(2 e j / (R + 1)) is exact,
    where a product of floats is not.
    """
    ends = [2 * epochs * stage // (slices + 1) for stage in range(slices + 1)]
    return [end - start for start, end in zip(ends, ends[1:], strict=False)]


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Rate of update ``step`` (from 0) of ``steps``: linear warm-up, then linear decay to 0."""
    warmup = int(warmup_share * steps)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return peak * (steps - step) / max(steps - warmup, 1)


def constant_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Rate of update ``step`` (from 0) of ``steps``: linear warm-up, then the peak."""
    warmup = int(warmup_share * steps)
    return peak * min(1.0, (step + 1) / (warmup + 1))


def cosine_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Rate of update ``step`` (from 0) of ``steps``: linear warm-up, then half a cosine down to
    0."""
    warmup = int(warmup_share * steps)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return peak * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1))) / 2


SCHEDULES = {"linear": learning_rate, "constant": constant_rate, "cosine": cosine_rate}
