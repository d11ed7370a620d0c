"""HateXplain, as its authors publish it."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.candidates import no_candidates
from palimpsest.data.hatexplain import SETTINGS, read_hatexplain

candidates = no_candidates


def read(data: dict, paths: list[Path]):
    return read_hatexplain(paths), {**SETTINGS, **data}
