"""Token scores -> numbers: what a causal model has still memorized of the forgotten, and how well
it works on everything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from palimpsest.errors import Problem, UserError
from palimpsest.metrics import divergence, truth
from palimpsest.report.tables import TRUTH_COLUMNS, joined
from palimpsest.tracks.causal.checks import check
from palimpsest.tracks.causal.numbers import Numbers, answers
from palimpsest.tracks.causal.stored import ANSWER, read_token_rows
from palimpsest.tracks.measured import Given, Measured


def measure(given: Given, settings: dict) -> Measured:
    """settings: also `space` (how many secrets there are) and `truth` (a form of
    `palimpsest.metrics.truth.FORMS`), for an attacked model whether it was asked for
    `answers_alone`, and no held-out text; where reports on judges are given, `judges`, their names.

    Sets: forget, the training records of owners who are forgotten in the state; retain, a sample of
    those that stay; valid, holdout and test, and each part of test that the data name. Owners who
    are forgotten are in no set but forget. Once any are, there is an oracle to compare with. Items:
    truth ratios.

    Raises UserError where models were scored on other texts, and where the numbers cannot be true
    (``check``).
    """
    index = given.index.set_index("record_id")
    gone = given.forgotten(settings["state"])

    def left(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[~rows["record_id"].map(index["owner"]).isin(gone)]

    alone = settings.get("answers_alone", False)

    def read(name: str) -> pd.DataFrame:
        rows = read_token_rows(given[name])
        kept = ~rows["record_id"].isin(given.shown)
        return rows[kept & (rows["kind"] == ANSWER) if alone else kept]

    heldout = read("heldout")
    sets = dict(_trained(left(read("trained")), index)) | dict(_heldout(left(heldout), index))
    if given["forget"]:
        sets["forget"] = read("forget")
    numbers = Numbers(settings)
    measured = []
    for name, rows in sets.items():
        if len(rows):
            measured += numbers.memory(name, rows)
            measured += numbers.written(name, rows)
            measured += numbers.judged(name, rows)
            measured += numbers.in_other_words(name, rows)
            measured += numbers.truth(name, rows)
            measured += numbers.planted(name, rows, index)
            measured += numbers.divergences(name, rows)
    measured += numbers.utility(sets, index)
    measured += numbers.judges(dict(zip(settings.get("judges", ()), given["judges"], strict=True)))
    if len(forget := sets.get("forget", ())):  # a request may have no training records
        oracle, oracle_heldout = (
            same(rows, read(f"oracle/{name}"), given[f"oracle/{name}"])
            for name, rows in (("forget", forget), ("heldout", heldout))
        )
        if len(sets["holdout"]):
            outside = dict(_heldout(left(oracle_heldout), index))["holdout"]
            measured += numbers.membership(
                *(one_of_each(rows, index) for rows in (forget, sets["holdout"], oracle, outside))
            )
        measured += numbers.against_oracle(forget, oracle)
        if given["base/forget"]:
            base = same(forget, read("base/forget"), given["base/forget"])
            measured += numbers.distance(divergence.pdlp, forget, base)
            measured += numbers.edits("forget", forget, base)
    if "attack" not in settings:  # an attacked oracle is not like itself
        check(settings, measured)
    return Measured(measured, truth_ratios(sets, settings))


def truth_ratios(sets: dict[str, pd.DataFrame], settings: dict) -> pd.DataFrame:
    """seed, request, method, set, preference: 1 / (1 + R) of each item with false answers, in [0,
    1]."""
    frames = []
    for name, rows in sets.items():
        _, correct, wrong = answers(rows) if len(rows) else ([], np.empty(0), None)
        if len(correct):
            preference = 1 / (1 + truth.truth_ratio(correct, wrong, settings["truth"]))
            where = {
                "seed": settings["seed"],
                "request": settings["state"],
                "method": settings["method"],
                "set": name,
            }
            frames.append(
                pd.DataFrame({"preference": np.sort(preference)}).assign(**where)[TRUTH_COLUMNS]
            )
    return joined(frames, TRUTH_COLUMNS)


def _trained(rows: pd.DataFrame, index: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """retain, and controls: what was planted and nobody asks to forget."""
    planted = (
        rows["record_id"].map(index["part"]) != ""
        if "part" in index
        else pd.Series(False, index=rows.index)
    )
    yield "retain", rows[~planted]
    yield "controls", rows[planted]


def _heldout(rows: pd.DataFrame, index: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    splits = rows["record_id"].map(index["split"])
    for split in ("valid", "holdout", "test"):
        yield split, rows[splits == split]
    if "part" in index:
        parts = rows["record_id"].map(index["part"])
        yield from ((part, rows[parts == part]) for part in sorted(parts[parts != ""].unique()))


def one_of_each(rows: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Rows without the repetitions of what was planted: a secret that stood there 16 times is one
    member."""
    if "part" not in index:
        return rows
    owners = rows["record_id"].map(index["owner"])
    planted = rows["record_id"].map(index["part"]) != ""
    first = rows["record_id"] == rows.groupby(owners)["record_id"].transform("min")
    return rows[~planted | first]


def same(rows: pd.DataFrame, others: pd.DataFrame, paths: list[Path]) -> pd.DataFrame:
    """``others``, rows of another model; a UserError unless they are of the same texts in the same
    order. paths: their files."""
    try:
        truth.require_same_items(
            *(
                list(zip(one["record_id"], one["kind"], one["number"], strict=True))
                for one in (rows, others)
            )
        )
    except ValueError as error:
        what = "models that are compared were scored on other texts"
        remedy = "remove these scores and run again"
        raise UserError(
            Problem(what, ", ".join(map(str, paths)), str(error), "the same texts", remedy)
        ) from None
    return others
