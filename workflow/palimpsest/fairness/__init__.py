"""Equalized odds by post-processing, exactly, for any number of teachers and groups."""

from palimpsest.fairness.equalized_odds import EqualizedOdds

__all__ = ["EqualizedOdds"]
