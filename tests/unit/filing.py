"""A certificate that fits its schema, for tests to change."""

from __future__ import annotations

NEW, OLD, OTHER = "a" * 64, "b" * 64, "c" * 64
HOLD = dict.fromkeys(
    ("weights", "reports", "followed", "filed", "records", "previous", "device"), True
)
REMAINS = {
    "findings": [],
    "unread": {},
    "unmarked": {},
    "blind": [],
    "files": 7,
    "bytes": 3_400_000,
}


def replaced(seed: int = 1, **changes) -> dict:
    return {
        "seed": seed, "checkpoint": f"oracle/r{seed}", "sha256": NEW, "replaced": "base",
        "replaced_sha256": OLD, "held": True, "trained_on": [OTHER], "records": 2, "tokens": 9,
        "seconds": 1.5, "start": "scratch", "start_sha256": None, "device": "cpu", "recipe": OTHER,
        "checks": HOLD, "superseded": None, "replaced_removed": None,
    } | changes  # fmt: skip


def verified(*equal: bool, **changes) -> dict:
    """Of one model for each, by whether its bytes were equal."""
    return {
        "date": "2026-04-04",
        "machine": {"system": "an OS", "processor": "a box", "torch": "torch 2", "device": "cpu"},
        "sample": None,
        "checkpoints": [
            {
                "seed": 1,
                "checkpoint": f"oracle/r{number}",
                "sha256": NEW,
                "again": NEW if one else OTHER,
                "equal": one,
            }
            for number, one in enumerate(equal, 1)
        ],
        "cannot": [],
    } | changes


def certificate(**changes) -> dict:
    """Of one replacement, with some of it changed."""
    return {
        "study": "s", "request": "r1", "state": "r2", "details": {}, "issued": "2026-01-01",
        "revised": None, "scanned_at": "2026-01-02", "owners": ["0f" * 16], "secret": "0" * 16,
        "records": {"train": 2, "test": 1}, "replaced": [replaced()], "consistent": True,
        "verified": None, "methods": {}, "cost": [], "metrics": [], "versions": {"torch": "2.1"},
        "remains": REMAINS, "purged": None, "before": None, "takes_place_of": None,
        "ledger": "1" * 64, "settings": {"data": "2" * 64},
        "code": {"commit": None, "package": "3" * 64}, "data": {"before": "4" * 64, "after": None},
    } | changes  # fmt: skip
