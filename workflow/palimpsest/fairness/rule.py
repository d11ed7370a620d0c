"""The fitted rule of one group: a probability for each cell of votes, looked up by its code."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from palimpsest.fairness.hull import POOLED, Cells, vote_counts


@dataclass(frozen=True)
class GroupRule:
    """Decide 1 with ``probability`` (m,) in each of the group's ``cells``, and with ``fpr`` in a
    cell never seen.

    ``fpr`` and ``tpr`` are the rates of the rule on the fitted records of the group.
    """

    group: Hashable
    fpr: float
    tpr: float
    cells: Cells
    probability: np.ndarray

    def look_up(self, patterns: np.ndarray, kind: str) -> np.ndarray:
        """P(decide 1), (n,), for patterns (n,) uint64 and ``kind`` of cells ``pattern``, ``count``
        or ``pooled``."""
        codes = vote_counts(patterns) if kind == "count" else patterns
        place, seen = self._find(codes)
        if kind == "pooled":
            rare = ~seen
            place[rare], seen[rare] = self._find(POOLED | vote_counts(codes[rare]))
        return np.where(seen, self.probability[place], self.fpr)

    def to_dict(self, kind: str, shards: int) -> dict:
        """In plain values; a group that JSON has no type for is given as its text."""
        names = [_name(int(code), kind, shards) for code in self.cells.codes]
        columns = (
            names,
            self.cells.negatives.tolist(),
            self.cells.positives.tolist(),
            self.probability.tolist(),
        )
        keys = ("cell", "negatives", "positives", "probability")
        return {
            "group": self.group if isinstance(self.group, str | int | float) else str(self.group),
            "fpr": self.fpr,
            "tpr": self.tpr,
            "probability_of_unseen_cells": self.fpr,
            "cells": [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)],
        }

    def _find(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each code stands among the group's (any place if it does not), and whether it
        does."""
        place = np.minimum(np.searchsorted(self.cells.codes, codes), len(self.cells.codes) - 1)
        return place, self.cells.codes[place] == codes


def _name(code: int, kind: str, shards: int) -> str:
    if kind == "count" or code >= int(POOLED):
        return f"count={code % int(POOLED)}"
    return format(code, f"0{shards}b")[::-1]
