"""Stored token scores -> what metrics take. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.data.storage import read_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.metrics.divergence import DIVERGENCES
from palimpsest.metrics.tokens import TokenScores

VALUES = ("logp", "correct", "mean", "deviation")
# Of what models write of a record themselves.
WRITTEN = (
    "rouge_l", "rouge_l_f1", "rouge_1", "rouge_1_f1", "rouge_l_paraphrase",
    "extraction_likelihood", "distinct_1", "distinct_2", "repetition", "ngram_entropy",
    "written_nll",
)  # fmt: skip
# Of the judge whose name follows: the probability of label 1, and the largest of several samples.
JUDGED, JUDGED_MOST = "judged ", "judged_most "
# Kinds of scored texts: the record's completion, or another one (palimpsest.data.candidates).
ANSWER, PARAPHRASE, PERTURBED, ALTERNATIVE = "", "paraphrase", "perturbed", "alternative"
# Of records with a new answer: it, it after the prompt in other words, and another prompt's answer.
EDITED, REWORDED, UNRELATED = "edited", "reworded", "unrelated"


def read_token_rows(paths: list[Path]) -> pd.DataFrame:
    """Rows of score files, by record_id, kind and number, none of no file; a UserError for scores
    that are not finite. Columns of generated text may be NaN."""
    frame = pd.concat([pd.DataFrame(), *map(read_parquet, paths)], ignore_index=True)
    if frame.empty:
        return pd.DataFrame({name: [] for name in ("record_id", "kind", "number", *VALUES)})
    answers = frame[frame["kind"] == ANSWER]
    scores = [
        *(frame[name] for name in VALUES),
        *(answers[name] for name in DIVERGENCES if name in answers),
    ]
    problems = [
        problem for column in scores if (problem := _not_finite(column, frame["record_id"], paths))
    ]
    if problems:
        raise UserError(problems)
    return frame.sort_values(["record_id", "kind", "number"], ignore_index=True)


def _not_finite(column: pd.Series, record_ids: pd.Series, paths: list[Path]) -> Problem | None:
    bad = column.index[~column.map(lambda values: np.isfinite(values).all()).astype(bool)]
    if not len(bad):
        return None
    found = (
        f"{column.name} of {len(bad)} of {len(column)} texts, the first of record "
        f"{record_ids[bad[0]]!r}"
    )
    remedy = "the model was driven to ruin: lower the method's learning_rate or its epochs"
    return Problem("scores are not finite", ", ".join(map(str, paths)), found, remedy=remedy)


def token_scores_of(rows: pd.DataFrame) -> TokenScores:
    """Rows of a score file as one ragged table, in their order."""
    offsets = np.concatenate([[0], np.cumsum(rows["logp"].map(len).to_numpy(dtype=np.int64))])
    columns = {name: np.concatenate(rows[name].tolist()) for name in VALUES}
    return TokenScores(offsets=offsets, **columns)
