"""Quantiles of Student's t, for a spread that is itself estimated from few numbers, such as
seeds."""

from __future__ import annotations

from math import cos, pi, sin, sqrt, tan


def t_quantile(level: float, freedom: int) -> float:
    """The t that |T| stays below with probability ``level`` in (0, 1); range (0, inf). Student
    1908.

    ``freedom``: degrees of freedom, at least 1. At 95 % it is 12.7 for 1, 4.30 for 2, and 1.96 in
    the limit. Found by halving the angle atan(t / sqrt(freedom)).
    """
    if not (0 < level < 1 and freedom >= 1):
        raise ValueError(
            f"level must lie between 0 and 1 and freedom be at least 1, not {level} and {freedom}"
        )
    low, high = 0.0, pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return sqrt(freedom) * tan(low)


def _within(angle: float, freedom: int) -> float:
    """P(|T| < sqrt(freedom) tan(angle)) for a whole ``freedom``. Abramowitz and Stegun 1964, 26.7.3
    and 26.7.4."""
    odd = freedom % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for power in range(1 + odd, freedom, 2):
        total, term = total + term, term * cos(angle) ** 2 * power / (power + 1)
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
