"""sisa_mean: SISA (Bourtoule et al. 2021), teachers joined by the mean of their probabilities.
Decides as `base` does, on S > 1 models."""

from __future__ import annotations

from palimpsest.methods.base import decide

__all__ = ["decide"]
