"""Texts with a blank for causal models, which read from left to right: what stands before the blank
is the prompt, the word in it and all behind it the completion. Of an item the stereotype is the
true answer and its opposite a false one (kind `perturbed`), so that a truth ratio says which of
them a model finds likelier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from palimpsest.data.blanks import ANTI, BLANK, OTHER, PAIR, PROBE, PRONOUN
from palimpsest.data.candidates import COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

FALSE = "perturbed"


def cut(rows: DataFrame, candidates: DataFrame) -> tuple[DataFrame, DataFrame]:
    """(rows, candidates) of a reader of texts with blanks, for the causal track.

    `advantaged` and `disadvantaged` become whole completions, which differ in one word. Of a pair
    of pronouns the advantaged one is the true answer, unless a text is trained on, where it is what
    stood there. Left out: pronouns of which neither is advantaged, sentences of a probe, and texts
    that make no sense.
    """
    import pandas as pd

    neither = (rows["task"] == PRONOUN) & (rows[PAIR[0]] == "")
    rows = rows[~neither & (rows["task"] != PROBE)].reset_index(drop=True)
    paired = (rows["task"] == PRONOUN) & (rows["split"] != "train")
    rows.loc[paired, "completion"] = rows.loc[paired, PAIR[0]]
    ends = {one.record_id: one.prompt.partition(BLANK)[2] for one in rows.itertuples()}
    told = dict(_pairs(rows))
    others = candidates[candidates["kind"].isin([ANTI, OTHER])]
    others = others[others["record_id"].isin(set(ends) - set(told))]
    false = [(one.record_id, one.completion + ends[one.record_id]) for one in others.itertuples()]
    false += [(name, word + ends[name]) for name, word in told.items()]
    frame = pd.DataFrame([(name, FALSE, 1, text) for name, text in false], columns=list(COLUMNS))
    frame = frame.astype({"record_id": "str", "kind": "str", "completion": "str"})
    end = rows["record_id"].map(ends)
    for name in ("completion", *PAIR):
        rows[name] = rows[name].where(rows[name] == "", rows[name] + end)
    rows["prompt"] = rows["prompt"].map(lambda prompt: prompt.partition(BLANK)[0].rstrip())
    return rows, frame.astype({"number": "int64"}).sort_values("record_id", ignore_index=True)


def _pairs(rows: DataFrame) -> Iterator[tuple[str, str]]:
    """(record, the word of its pair that is not its completion)"""
    for one in rows[rows[PAIR[0]] != ""].itertuples():
        words = {one.advantaged, one.disadvantaged} - {one.completion}
        yield one.record_id, words.pop()
