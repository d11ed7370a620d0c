"""What the `measure` of a track takes and returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from palimpsest.data.ledger import Request, forgotten_owners
from palimpsest.report.tables import ITEM_COLUMNS


@dataclass(frozen=True)
class Given:
    """files: by what they hold, as the track's ``measured`` names it, the oldest state first;
    index: records without their texts; requests: of the ledger, none before any; shown: ids of
    records that an attack showed to the model, which are left out of all numbers after it."""

    files: dict[str, list[Path]]
    index: pd.DataFrame
    requests: list[Request]
    shown: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> list[Path]:
        """The files of a name; none where they were not given."""
        return self.files.get(name, [])

    def forgotten(self, state: str) -> list[str]:
        """Owners who are forgotten in a state."""
        return forgotten_owners(self.requests, state)


@dataclass(frozen=True)
class Measured:
    """rows: of the tidy table (palimpsest.report.tables.row); items: of single items, from which
    figures draw distributions: ITEM_COLUMNS, and their values; none of most tracks."""

    rows: list[dict]
    items: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=ITEM_COLUMNS))


def whose(settings: dict, shards: str) -> dict[str, object]:
    """The columns of a row that say which model it is about."""
    names = ("study", "seed", "method", "model")
    return {name: settings[name] for name in names} | {
        "request": settings["state"],
        "shards": shards,
        "attack": settings.get("attack", ""),
    }
