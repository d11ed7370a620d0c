"""oracle: trained from scratch on D_r, the data without the forgotten owners: what perfect
unlearning would give.

Decides as `base` does.
"""

from __future__ import annotations

from palimpsest.methods.base import decide

__all__ = ["decide"]
