"""base_postprocessed: Hardt et al. (2016) on the single base: `fairsisa_aggregate_first` with one
model, whose vote is its own."""

from __future__ import annotations

from palimpsest.methods.fairsisa_aggregate_first import decide

__all__ = ["decide"]
