"""Directions that several losses agree on, from their gradients.

Gradients of the same parameters, by the name of the loss and then of the parameter. All that is
needed of them are their inner products, K_ij = <g_i, g_j>: a direction is a combination sum_i c_i
g_i. Here directions point uphill, as gradients do: an optimiser goes against them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from palimpsest.training.objective import Gradients

RIDGE = 1e-12  # of the mean of K's diagonal: gradients that are parallel, or 0, stay finite


def gram(gradients: Mapping[str, Gradients]) -> np.ndarray:
    """(m, m) inner products in float64, in the order of the mapping."""
    vectors = list(gradients.values())
    products = np.zeros((len(vectors), len(vectors)))
    for i, one in enumerate(vectors):
        for j, other in enumerate(vectors[: i + 1]):
            total = sum((one[name].double() * other[name].double()).sum() for name in one)
            products[i, j] = products[j, i] = float(total)
    return products


def combined(gradients: Mapping[str, Gradients], weights: Sequence[float]) -> Gradients:
    """sum_i weights_i g_i."""
    names = next(iter(gradients.values()))
    pairs = list(zip(gradients.values(), weights, strict=True))
    return {name: sum(weight * one[name] for one, weight in pairs) for name in names}


def normal_weights(products: np.ndarray) -> np.ndarray:
    """(m, m) inner products -> (m,) weights of the mean of the m components p_i, each that of g_i
    normal to all other gradients: p_i = sum_j (K^-1)_ij / (K^-1)_ii g_j.

    <g_j, p_i> is 0 for j != i and |p_i|^2 for j = i. So along it no loss grows to first order, and
    each falls whose gradient is not in the span of the others. Scaling one gradient changes no
    sign.
    """
    size = len(products)
    scale = products.trace() / size
    if scale == 0:
        return np.zeros(size)
    inverse = np.linalg.inv(products + RIDGE * scale * np.eye(size))
    return (inverse / np.diag(inverse)[:, None]).mean(axis=0)


def shortest_weights(products: np.ndarray) -> np.ndarray:
    """(m, m) inner products -> (m,) weights, none negative, that sum to 1, of the shortest vector
    in the convex hull of the gradients (MGDA, Desideri 2012). Against it no loss grows to first
    order; it is 0 where no direction lowers all of them.

    Exact: tries the shortest vector of the affine hull of every subset, where that lies inside; so
    for few losses alone (2^m subsets).
    """
    size, best, shortest = len(products), np.inf, np.zeros(len(products))
    ridge = RIDGE * max(products.trace() / size, np.finfo(float).tiny)
    for count in range(1, size + 1):
        for chosen in map(list, combinations(range(size), count)):
            part = products[np.ix_(chosen, chosen)]
            weights = np.linalg.solve(part + ridge * np.eye(count), np.ones(count))
            weights /= weights.sum()
            if (weights >= 0).all() and (squared := weights @ part @ weights) < best:
                best, shortest = squared, np.zeros(size)
                shortest[chosen] = weights
    return shortest


def norms(products: np.ndarray) -> np.ndarray:
    """(m,) lengths of the gradients."""
    return np.sqrt(np.diag(products))


def length(products: np.ndarray, weights: np.ndarray) -> float:
    """Length of the combination with these weights."""
    return float(np.sqrt(max(weights @ products @ weights, 0.0)))
