"""The records by which settings are chosen: no reported number counts them. No pandas."""

from __future__ import annotations

from palimpsest.randomness import seed_of


def in_part(record_id: str, study: str, share: float) -> bool:
    """Whether a record is one of these, by a hash of its id, whatever its split and set."""
    return seed_of(study, "tuning", "part", record_id) < share * 2**63
