"""Articles with planted secrets."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.canaries import Canaries, canary_candidates, read_canaries
from palimpsest.data.positions import SETTINGS


def read(data: dict, paths: list[Path]):
    rows = read_canaries(
        paths, articles=data["articles"], words=data["words"], canaries=Canaries(**data["canaries"])
    )
    return rows, {**SETTINGS, **data}


def candidates(data: dict, paths: list[Path]):
    return canary_candidates(Canaries(**data["canaries"]))
