"""The made-up occupations, and the pronouns that stand with them."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.pronouns import pronouns


def read(data: dict, paths: list[Path]):
    return pronouns(owners=data["owners"], records=data["records"], seed=data["seed"])[0], data


def candidates(data: dict, paths: list[Path]):
    return pronouns(owners=data["owners"], records=data["records"], seed=data["seed"])[1]
