"""Positions, from 0, of the texts of a set that a causal model is asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd

from palimpsest.data.aside import in_part
from palimpsest.randomness import seed_of
from palimpsest.tracks.causal.stored import ALTERNATIVE, ANSWER


def answer_rows(texts: pd.DataFrame) -> list[int]:
    """Positions of the records' true completions."""
    return np.flatnonzero(texts["kind"] == ANSWER).tolist()


def planted_secrets(texts: pd.DataFrame) -> dict[str, list[int]]:
    """Record that holds a secret -> positions of its text and of the same with other secrets."""
    answers = answer_rows(texts)
    first = dict(zip(texts["record_id"].iloc[answers], answers, strict=True))
    positions = pd.Series(texts.index, index=texts["record_id"])
    others = positions[(texts["kind"] == ALTERNATIVE).to_numpy()]
    alternatives = others.groupby(level=0).agg(list)
    return {name: [first[name], *places] for name, places in alternatives.items()}


def to_be_written(
    records: pd.DataFrame, count: int, study: str = "", share: float = 0.0, both: bool = False
) -> list[int]:
    """Positions of at most ``count`` records of each split and part, chosen by a hash of their ids.

    Of those by which a ``study`` chooses settings (``share`` of all, data/aside.py), which no
    reported number counts, there are none, or with ``both`` as many again.
    """
    drawn = records["record_id"].map(lambda name: seed_of("written", name))
    aside = records["record_id"].map(lambda name: in_part(name, study, share))
    order = drawn[both | ~aside].sort_values(kind="stable").index
    kinds = [records[name] for name in ("split", "part") if name in records] + [aside]
    place = records.loc[order].groupby([kind.loc[order] for kind in kinds]).cumcount()
    return sorted(place[place < count].index.tolist())
