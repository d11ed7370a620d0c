"""Passages of novels."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.candidates import no_candidates
from palimpsest.data.novels import read_novels
from palimpsest.data.positions import SETTINGS

KEYS = ("passages", "words", "prompt_words")

candidates = no_candidates


def read(data: dict, paths: list[Path]):
    return read_novels(paths, **{key: data[key] for key in KEYS}), {**SETTINGS, **data}
