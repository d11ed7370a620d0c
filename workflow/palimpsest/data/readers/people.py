"""The made-up people of the demo."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.people import people, people_candidates


def read(data: dict, paths: list[Path]):
    return people(owners=data["owners"], records=data["records"], seed=data["seed"]), data


def candidates(data: dict, paths: list[Path]):
    return people_candidates(owners=data["owners"], records=data["records"], seed=data["seed"])
