"""zsRE and CounterFact."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.candidates import no_candidates
from palimpsest.data.facts import UNUSABLE, read_facts
from palimpsest.data.positions import SETTINGS

__all__ = ["candidates", "read"]

candidates = no_candidates


def read(data: dict, paths: list[Path]):
    rows = read_facts(paths, facts=data["facts"], edits=data["edits"])
    return rows, {**SETTINGS, "splits": {**SETTINGS["splits"], UNUSABLE: "drop"}, **data}
