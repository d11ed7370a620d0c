"""KLOM: how far the margins of a text under models that forgot it lie from those under models that
never saw it, seed by seed. Georgiev et al. 2024 (arXiv 2410.23232)."""

from __future__ import annotations

import numpy as np

from palimpsest.metrics.inputs import weighted_mean

# least deviation of margins, in nats: two seeds may end alike by chance
LEAST = 0.05


def margins(probabilities) -> np.ndarray:
    """log(p / (1 - p)) of probabilities in [0, 1], in nats; p is kept 1e-6 away from both ends, as
    far as float32 tells."""
    kept = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))


def klom_per_text(oracle, model) -> np.ndarray:
    """KL(N(m, s^2) || N(m', s'^2)) of each text in nats, (n,); [0, inf): log(s' / s) + (s^2 + (m -
    m')^2) / (2 s'^2) - 1/2, with m, s mean and deviation of its margins under the oracles.

    oracle (S, n), model (S', n): margins of the same n texts, a row a seed, at least two. The paper
    takes histograms of a hundred models of each; of few seeds only mean and deviation can be told,
    and these roughly. ValueError for other shapes.
    """
    oracle, model = (np.asarray(one, dtype=np.float64) for one in (oracle, model))
    if oracle.ndim != 2 or model.ndim != 2 or oracle.shape[1] != model.shape[1]:
        raise ValueError(f"margins must be (S, n) and (S', n), not {oracle.shape}, {model.shape}")
    if min(len(oracle), len(model)) < 2:
        raise ValueError("a deviation needs two seeds at least")
    (m, s), (m2, s2) = (
        (one.mean(axis=0), np.maximum(one.std(axis=0, ddof=1), LEAST)) for one in (oracle, model)
    )
    return np.log(s2 / s) + (s**2 + (m - m2) ** 2) / (2 * s2**2) - 0.5


def klom(oracle, model, weights=None):
    """Mean over texts of ``klom_per_text``, () or (B,); [0, inf), down."""
    return weighted_mean(klom_per_text(oracle, model), weights)
