"""Which error rates to give each group: the cheapest ones that differ between groups by at most
eps.

Notation: group a has rates (x_a, y_a) = (FPR, TPR) below its hull U_a, and pays alpha_a x_a -
beta_a y_a (plus a constant), with alpha_a = cost_fp P(Y=0, A=a) > 0 and beta_a = cost_fn P(Y=1,
A=a) > 0. Hardt, Price and Srebro, "Equality of Opportunity in Supervised Learning" (2016), treat
one score and eps = 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from palimpsest.fairness.hull import Hull

Points = tuple[np.ndarray, np.ndarray]
"""FPR (G,) and TPR (G,), one point a group."""


def unconstrained_points(hulls: list[Hull], alpha: np.ndarray, beta: np.ndarray) -> Points:
    """Each group at the cheapest vertex of its own hull: the Bayes rule per cell, which is what eps
    = 1 allows."""
    best = [
        np.argmin(a * hull.fpr - b * hull.tpr)
        for hull, a, b in zip(hulls, alpha, beta, strict=True)
    ]
    return (
        np.array([hull.fpr[k] for hull, k in zip(hulls, best, strict=True)]),
        np.array([hull.tpr[k] for hull, k in zip(hulls, best, strict=True)]),
    )


def common_point(hulls: list[Hull], alpha: np.ndarray, beta: np.ndarray) -> Points:
    """Exact equalized odds (eps = 0): all groups at one point (x, y), minimising sum(alpha) x -
    sum(beta) y.

    The points that all groups can reach lie below the lowest hull, which is concave and piecewise
    linear. So the best one is a vertex of some hull, or a crossing of hulls in one of the two cells
    beside the best vertex.
    """
    a, b = alpha.sum(), beta.sum()

    def roof(x: np.ndarray) -> np.ndarray:
        return np.minimum.reduce([hull.upper(x) for hull in hulls])

    xs = np.unique(np.concatenate([hull.fpr for hull in hulls]))
    k = int(np.argmin(a * xs - b * roof(xs)))
    candidates = [xs[k]]
    for left, right in ((k - 1, k), (k, k + 1)):
        if left >= 0 and right < len(xs):
            width = xs[right] - xs[left]
            ends = np.array([hull.upper(xs[[left, right]]) for hull in hulls])
            candidates.append(xs[left] + width * _corner(ends[:, 0], ends[:, 1], a * width / b))
    x = np.array(candidates)
    best = int(np.argmin(a * x - b * roof(x)))
    return np.full(len(hulls), x[best]), np.full(len(hulls), roof(x)[best])


def _corner(left: np.ndarray, right: np.ndarray, tilt: float) -> float:
    """Where in [0, 1] the lowest of G lines, from left[a] at 0 to right[a] at 1, is highest above
    ``tilt * w``.

    Two lines bracket the corner, one that binds left of it and one that binds right of it; the line
    that is lowest where they cross replaces one of them, at most G times.
    """
    first, last, w = np.argmin(left), np.argmin(right), 0.0
    for _ in range(len(left)):
        before, after = left[last] - left[first], right[first] - right[last]
        if before + after == 0:  # one and the same line: no corner
            break
        w = before / (before + after)
        lowest = np.argmin(left + (right - left) * w)
        if lowest in (first, last):
            break
        if right[lowest] - left[lowest] > tilt:
            first = lowest
        else:
            last = lowest
    return float(w)


class BoxSearch:
    """The eps-relaxed optimum, 0 < eps <= 1: all points in one box [s, s + eps] x [t, t + eps],
    wherever it is best.

    Given its corner (s, t) the groups separate, and each goes as near as the box lets it to the
    vertex that it would choose alone (``points``). The cost F(s, t) is jointly convex and piecewise
    linear, as a partial minimum of a linear program. For fixed s the best t is found exactly, since
    the kinks of F(s, .) are known and the slope between them is closed form; over s the search
    narrows an interval around the best of a grid to rounding.
    """

    GRID = 128
    ROUNDS = 9  # (2 / 127) ** 9 = 6e-17: the interval ends below the spacing of doubles

    def __init__(self, hulls: list[Hull], alpha: np.ndarray, beta: np.ndarray, eps: float):
        self.hulls, self.eps = hulls, eps
        self.alpha, self.beta = alpha[:, None], beta[:, None]
        wish_x, wish_y = unconstrained_points(hulls, alpha, beta)
        self.wish_x, self.wish_y = wish_x[:, None], wish_y[:, None]
        tpr = np.concatenate([hull.tpr for hull in hulls])
        # Sentinels at both ends lie outside every interval of t.
        self.kinks = np.unique(np.concatenate(([-1.0], tpr - eps, tpr, [2.0])))

    def solve(self) -> Points:
        low, high = 0.0, 1.0 - self.eps
        for _ in range(self.ROUNDS):
            s = np.linspace(low, high, self.GRID)
            x, y = self.points(s, self.best_t(s))
            k = int(np.argmin((self.alpha * x - self.beta * y).sum(axis=0)))
            low, high = s[max(k - 1, 0)], s[min(k + 1, self.GRID - 1)]
        return x[:, k], y[:, k]

    def points(self, s: np.ndarray, t: np.ndarray) -> Points:
        """The best points (G, K) in the boxes at corners s (K,), t (K,).

        A group moves along its hull to its wish, held by the box's top (more FPR buys nothing
        there), pushed by its left side and its bottom, held by its right side. The lower boundary
        may be left out: it could bind only in a box below the diagonal, and such a box costs more
        than a point of the diagonal beside it.
        """
        top, right = t + self.eps, s + self.eps
        x = np.minimum(self.wish_x, self._each("least_fpr", top))
        x = np.maximum(np.maximum(x, s), self._each("least_fpr", t))
        x = np.minimum(x, right)
        y = np.array([hull.upper(row) for hull, row in zip(self.hulls, x, strict=True)])
        return x, np.minimum(y, top)

    def best_t(self, s: np.ndarray) -> np.ndarray:
        """The t (K,) that minimises F(s, t) for each s (K,)."""
        floor, ceiling = self._each("upper", s), self._each("upper", s + self.eps)
        high = np.minimum(ceiling.min(axis=0), 1.0 - self.eps)
        aim = np.minimum(np.maximum(self.wish_y, floor), ceiling)

        def slope(t: np.ndarray) -> np.ndarray:
            top = t + self.eps
            pushed = self.alpha * self._each("fpr_per_tpr", t) - self.beta
            held = (
                np.where(top < floor, 0.0, self.alpha * self._each("fpr_per_tpr", top)) - self.beta
            )
            total = (np.where(t > aim, pushed, 0.0) + np.where(top < aim, held, 0.0)).sum(axis=0)
            return np.where(t < 0.0, -np.inf, np.where(t > high, np.inf, total))

        kinks = np.broadcast_to(self.kinks, (len(s), len(self.kinks)))
        left, middle, right = _turn(kinks, slope)
        moving = np.concatenate((floor - self.eps, floor, ceiling - self.eps, ceiling))
        near = np.concatenate(([left, middle, right], np.clip(moving, left, right)))
        return np.clip(_turn(np.sort(near.T, axis=1), slope)[1], 0.0, high)

    def _each(self, name: str, values: np.ndarray) -> np.ndarray:
        return np.array([getattr(hull, name)(values) for hull in self.hulls])


def _turn(
    kinks: np.ndarray, slope: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kink (K,) where a convex function turns from falling to rising, between its two
    neighbours.

    ``kinks`` (K, m) ascend; ``slope`` is asked between kinks only, where rounding cannot put it on
    the wrong side.
    """
    rows, last = np.arange(len(kinks)), kinks.shape[1] - 1
    low, high = np.zeros(len(kinks), dtype=int), np.full(len(kinks), last)
    for _ in range(int(last).bit_length()):
        middle = (low + high) // 2
        after = kinks[rows, np.minimum(middle + 1, last)]
        rising = slope((kinks[rows, middle] + after) / 2) >= 0
        low = np.where(rising, low, np.minimum(middle + 1, high))
        high = np.where(rising, middle, high)
    return (
        kinks[rows, np.maximum(low - 1, 0)],
        kinks[rows, low],
        kinks[rows, np.minimum(low + 1, last)],
    )
