"""The made-up occupations, and the pronouns that stand with them."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.cut import cut
from palimpsest.data.pronouns import pronouns


def read(data: dict, paths: list[Path]):
    return _made(data)[0], data


def candidates(data: dict, paths: list[Path]):
    return _made(data)[1]


def _made(data: dict):
    made = pronouns(owners=data["owners"], records=data["records"], seed=data["seed"])
    return cut(*made) if data.get("cut") else made
