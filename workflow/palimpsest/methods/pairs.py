"""Pairs of words that could stand in a blank, of which one is advantaged: what methods against bias
take of the forget set."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from palimpsest.data.blanks import PAIR
from palimpsest.errors import Problem, UserError

if TYPE_CHECKING:
    import pandas as pd

    from palimpsest.methods.run import Run

SIDES = ADVANTAGED, DISADVANTAGED = PAIR
TERM = "term"


def asked_of(run: Run, method: str, *columns: str) -> pd.DataFrame:
    """The records to forget; a UserError where they do not have these columns."""
    records = run.records["forget"]
    if missing := [name for name in columns if name not in records]:
        what = "the records name no words to set against each other"
        found = f"no column {' and '.join(map(repr, missing))}"
        remedy = "take a reader that gives them (pronouns, stereotypes), or keep such columns"
        raise UserError(Problem(what, where(method), found, remedy=remedy))
    return records


def pair_rows(run: Run, method: str, *more: str) -> pd.DataFrame:
    """Records of the forget set that name a pair, each prompt once; they have the columns ``more``,
    too. A UserError where there are none."""
    records = asked_of(run, method, *SIDES, *more)
    given = (records[ADVANTAGED] != "") & (records[DISADVANTAGED] != "")
    if not given.any():
        what, found = "no record names a pair of words", f"{len(records)} records"
        remedy = "ask for owners with pairs, or leave the method out"
        raise UserError(Problem(what, where(method), found, remedy=remedy))
    rows = records[given].drop_duplicates(["prompt", *SIDES]).reset_index(drop=True)
    logging.info("%d of %d records name a pair, in %d texts", given.sum(), len(records), len(rows))
    return rows


def with_both(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the one word of their pair as the completion, and below them with the other."""
    import pandas as pd

    return pd.concat([rows.assign(completion=rows[side]) for side in SIDES], ignore_index=True)


def where(method: str) -> str:
    return f"method {method}, the records to forget"
