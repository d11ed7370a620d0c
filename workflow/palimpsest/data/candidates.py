"""Other completions of a record's prompt. For truth ratios: the same answer in other words, and
answers that are wrong. For exposure: the alternatives that a planted secret is ranked among. For
bias: the other texts of an item (blanks.py)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from palimpsest.data import blanks

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("record_id", "kind", "number", "completion")
KINDS = ("paraphrase", "perturbed", "alternative", *blanks.KINDS)


def candidates_frame(answers: Iterable[tuple[str, str, list[str]]]) -> DataFrame:
    """(record_id, the answer in other words or "" for none, the wrong answers) of each record ->
    one row a completion.

    Columns: record_id, kind (one of KINDS), number (int64, from 1 within a record and kind),
    completion (str). Sorted by record_id, kind and number.
    """
    import pandas as pd

    rows = []
    for record_id, paraphrase, wrong in answers:
        rows += [(record_id, "paraphrase", 1, paraphrase)] if paraphrase else []
        rows += [(record_id, "perturbed", number, text) for number, text in enumerate(wrong, 1)]
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(
        {name: "int64" if name == "number" else "str" for name in COLUMNS}
    )
    return frame.sort_values(["record_id", "kind", "number"], ignore_index=True)


def no_candidates(data: dict, paths: list) -> DataFrame:
    """For a reader that has none."""
    return candidates_frame([])
