"""TOFU."""

from __future__ import annotations

import logging
from pathlib import Path

from palimpsest.data.positions import SETTINGS
from palimpsest.data.tofu import read_tofu, tofu_candidates


def read(data: dict, paths: list[Path]):
    return read_tofu(paths, authors=data["authors"]), {**SETTINGS, **data}


def candidates(data: dict, paths: list[Path]):
    rows, unmatched = tofu_candidates(paths, read_tofu(paths, authors=data["authors"]))
    logging.info("items of the perturbed files that no record has: %s", unmatched)
    return rows
