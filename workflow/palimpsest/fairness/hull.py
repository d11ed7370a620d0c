"""From votes to attainable error rates: count a group's cells, sort them by likelihood ratio, read
off the hull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POOLED = np.uint64(1) << np.uint64(63)
"""Marks the code of a cell that pools rare patterns; free, because patterns use at most 63 bits."""


@dataclass(frozen=True)
class Cells:
    """The distinct cells of a group: ``codes`` (m,) uint64 ascending, ``negatives`` and
    ``positives`` (m,) records."""

    codes: np.ndarray
    negatives: np.ndarray
    positives: np.ndarray

    @property
    def records(self) -> np.ndarray:
        return self.negatives + self.positives


def vote_counts(patterns: np.ndarray) -> np.ndarray:
    """How many shards voted 1, (n,) uint64, for patterns (n,) uint64 with one bit a shard."""
    return np.bitwise_count(patterns).astype(np.uint64)


def count_cells(codes: np.ndarray, labels: np.ndarray) -> Cells:
    """Counts of both labels per distinct code, for codes (n,) uint64 below 2**63 and labels (n,) in
    {0, 1}, n >= 1.

    One sort of 64-bit integers that carry code and label together; nothing of size 2**S is ever
    made.
    """
    keys = (codes << np.uint64(1)) | labels.astype(np.uint64)
    keys.sort()
    cells = keys >> np.uint64(1)
    starts = np.concatenate(([0], np.flatnonzero(cells[1:] != cells[:-1]) + 1))
    records = np.diff(starts, append=len(keys))
    positives = np.add.reduceat(keys & np.uint64(1), starts).astype(np.int64)
    return Cells(cells[starts], records - positives, positives)


def pool_rare(cells: Cells, below: int, shards: int) -> Cells:
    """Patterns with fewer than ``below`` records are replaced by one cell per vote count, coded
    ``POOLED | count``."""
    rare = cells.records < below
    counts = np.bitwise_count(cells.codes[rare])
    negatives = np.bincount(counts, cells.negatives[rare], minlength=shards + 1).astype(np.int64)
    positives = np.bincount(counts, cells.positives[rare], minlength=shards + 1).astype(np.int64)
    seen = np.flatnonzero(negatives + positives)
    return Cells(
        np.concatenate((cells.codes[~rare], POOLED | seen.astype(np.uint64))),
        np.concatenate((cells.negatives[~rare], negatives[seen])),
        np.concatenate((cells.positives[~rare], positives[seen])),
    )


class Hull:
    """Upper boundary U of the (FPR, TPR) pairs that rules on one group's cells can reach
    (Neyman-Pearson).

    Each cell is a vector (its share of the negatives, its share of the positives). Laid end to end
    by falling likelihood ratio they *are* the boundary; cells of equal ratio lie in one line and
    share a *level*. By symmetry about (1/2, 1/2) the lower boundary is L(x) = 1 - U(1 - x).

    ``level`` (m,) gives the level of each cell; ``fpr`` and ``tpr`` (h + 1,) are the vertices from
    (0, 0) to (1, 1). Equal ratios of counts are recognised exactly for groups of up to 2**26
    records.
    """

    def __init__(self, negatives: np.ndarray, positives: np.ndarray):
        falling, self.level = np.unique(-positives / (negatives + positives), return_inverse=True)
        self.negatives = np.bincount(self.level, negatives, minlength=len(falling))
        self.positives = np.bincount(self.level, positives, minlength=len(falling))
        self.fpr = np.concatenate(([0.0], np.cumsum(self.negatives))) / self.negatives.sum()
        self.tpr = np.concatenate(([0.0], np.cumsum(self.positives))) / self.positives.sum()
        # A first level without negatives rises vertically: U(0) is its top. A last one without
        # positives is flat.
        first, last = int(self.fpr[1] == 0), len(self.fpr) - int(self.tpr[-2] == 1)
        self._x, self._y = self.fpr[first:], self.tpr[first:]
        self._inverse_x, self._inverse_y = self.fpr[first:last], self.tpr[first:last]
        rise = np.diff(self._inverse_x) / np.diff(self._inverse_y)
        self._inverse_slopes = np.concatenate(([0.0], rise, [np.inf]))

    def upper(self, x: np.ndarray) -> np.ndarray:
        """U(x), the highest TPR at FPR x."""
        return np.interp(x, self._x, self._y)

    def least_fpr(self, y: np.ndarray) -> np.ndarray:
        """The least x with U(x) >= y."""
        return np.interp(y, self._inverse_y, self._inverse_x)

    def fpr_per_tpr(self, y: np.ndarray) -> np.ndarray:
        """Slope of ``least_fpr`` just above y: 0 below U(0), infinite from 1 on."""
        return self._inverse_slopes[np.searchsorted(self._inverse_y, y, side="right")]

    def rates(self, probability: np.ndarray) -> tuple[float, float]:
        """(FPR, TPR) of the rule that decides 1 with ``probability`` (h,) on each level."""
        return (
            float(self.negatives @ probability / self.negatives.sum()),
            float(self.positives @ probability / self.positives.sum()),
        )
