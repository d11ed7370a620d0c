"""The invented forum of the demo."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.candidates import no_candidates
from palimpsest.data.forum import forum

candidates = no_candidates


def read(data: dict, paths: list[Path]):
    return forum(owners=data["owners"], posts=data["posts"], seed=data["seed"]), data
