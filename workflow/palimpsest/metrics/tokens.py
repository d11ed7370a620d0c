"""A causal model's scores of the counted tokens of n texts: all that the metrics of single tokens
need, from one forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TokenScores:
    """Scores of N counted tokens of n texts, ragged: text i has the tokens ``offsets[i]:offsets[i +
    1]``, at least one, left to right.

    Raises ValueError where the offsets do not start at 0, do not rise or do not end at N, or an
    array has another length.
    """

    offsets: np.ndarray  # (n + 1,) int64
    logp: np.ndarray  # (N,) float32: log p(token | the tokens before it), in nats, (-inf, 0]
    # (N,) bool: whether the token is the likeliest; of equally likely ones the lowest id is
    correct: np.ndarray
    # (N,) float32: mu = E_{v ~ p} log p(v), the negative entropy of the prediction, in nats
    mean: np.ndarray
    # (N,) float32: sigma = sqrt(max(E_{v ~ p} (log p(v))^2 - mu^2, 0)), in nats
    deviation: np.ndarray

    def __post_init__(self):
        offsets = self.offsets
        if (
            offsets.ndim != 1
            or not len(offsets)
            or offsets.dtype.kind != "i"
            or offsets[0] != 0
            or (np.diff(offsets) < 1).any()
        ):
            raise ValueError(
                "offsets must be integers that start at 0 and rise: every text has a token"
            )
        shapes = {
            name: getattr(self, name).shape for name in ("logp", "correct", "mean", "deviation")
        }
        if set(shapes.values()) != {(offsets[-1],)}:
            raise ValueError(
                f"the offsets count {offsets[-1]} tokens, the scores have the shapes {shapes}"
            )

    def __len__(self) -> int:
        """n, the number of texts."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """(n,) counted tokens of each text."""
        return np.diff(self.offsets)

    def take(self, texts) -> TokenScores:
        """Scores of some texts, in that order. texts: what indexes an array of n: integers, a mask
        or a slice."""
        texts = np.arange(len(self))[texts]
        lengths = self.lengths[texts]
        offsets = np.append(0, np.cumsum(lengths))
        return self._select(
            offsets, np.arange(offsets[-1]) + np.repeat(self.offsets[texts] - offsets[:-1], lengths)
        )

    def without_last(self) -> TokenScores:
        """Scores without the last token of each text, the end of text. ValueError where a text has
        no other token."""
        short = np.flatnonzero(self.lengths < 2)
        if len(short):
            raise ValueError(
                f"{len(short)} of {len(self)} texts have no token but the last; the first of them "
                f"is number {short[0] + 1}"
            )
        keep = np.ones(self.offsets[-1], dtype=bool)
        keep[self.offsets[1:] - 1] = False
        return self._select(self.offsets - np.arange(len(self.offsets)), keep)

    def per_text(self, values) -> np.ndarray:
        """Mean of values (N,) over the tokens of each text, (n,) float64."""
        values = np.asarray(values)
        if values.shape != self.logp.shape:
            raise ValueError(f"values must be one a token, {self.logp.shape}, not {values.shape}")
        return np.add.reduceat(values, self.offsets[:-1], dtype=np.float64) / self.lengths

    def _select(self, offsets: np.ndarray, tokens: np.ndarray) -> TokenScores:
        return TokenScores(
            offsets,
            self.logp[tokens],
            self.correct[tokens],
            self.mean[tokens],
            self.deviation[tokens],
        )
