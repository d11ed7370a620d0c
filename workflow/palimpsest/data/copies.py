"""Texts that stand in several splits: what is measured on the copy of a text that was trained on is
no measure of what is unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from palimpsest.data.storage import whole_texts
from palimpsest.data.words import folded

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TOGETHER = "together"
# Of the splits of a text the first keeps it: what is measured on before what is fitted or trained.
KEEPS = ("test", "holdout", "valid", "extra", "train")


def alike(rows: DataFrame) -> Series:
    """(n,) the text of each record, equal for copies: without differences of case, of white space,
    of how letters are encoded, of what is not seen. Labels and owners are not looked at."""
    return whole_texts(rows.fillna("")).map(lambda text: " ".join(folded(text).split()))


def copies(rows: DataFrame) -> dict[str, int]:
    """Split -> records whose text stands in another split, too; splits without any are left out."""
    splits = rows["split"].groupby(alike(rows)).transform("nunique")
    counts = rows.loc[splits > 1, "split"].value_counts()
    return {name: int(counts[name]) for name in reversed(KEEPS) if name in counts}


def in_one_split(rows: DataFrame) -> tuple[DataFrame, dict[str, int]]:
    """The rows without those whose text stands in a split that comes first in ``KEEPS``; reason ->
    rows that are left out. Rows of no split or of an unknown one stay."""
    place = rows["split"].map({name: number for number, name in enumerate(KEEPS)})
    first = place.groupby(alike(rows)).transform("min")
    out = place > first
    pairs = zip(rows.loc[out, "split"], first[out].astype(int), strict=True)
    reasons = [f"{split}: its text stands in {KEEPS[number]}" for split, number in pairs]
    return rows[~out], {reason: reasons.count(reason) for reason in sorted(set(reasons))}
