"""Sensitive groups: by a column of the data, or by terms that a text holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from palimpsest.data.records import SHOWABLE, nearest
from palimpsest.data.storage import COLUMNS, whole_texts
from palimpsest.errors import Problem, UserError

# names that are longer, or more of them, may be texts and are not shown
MAX_NAME, MAX_GROUPS = 40, 30
INDEX_COLUMNS = ("record_id", "owner", "split", "label", "part")


def group_column(frame, definition: dict, *, where: str = "groups"):
    """The group of each record, (n,) array of str, none missing.

    ``{column, none, fine, values}``: by the values of a column. ``none`` lists those that mean no
    group (the empty one always does). fine = false: "targeted" against "none"; fine = true: each
    value is a group, those outside ``values`` (if given) are "other". ``{terms}``: "mentions" where
    the text holds one of the terms, else "none"; literal, case-blind, as whole words (Unicode), any
    white space between the words of a term. Raises UserError where there is no such column, or all
    records are in one group.
    """
    import numpy as np

    if "terms" in definition:
        pattern = _pattern(definition["terms"], where)
        groups = [
            "mentions" if pattern.search(_folded(text)) else "none" for text in whole_texts(frame)
        ]
    else:
        groups = _by_values(frame, definition, where)
    groups = np.array(groups, dtype=str)
    names = sorted(set(groups.tolist()))
    if len(names) < 2:
        remedy = "correct `none`, `values` or `terms`, or leave this family of groups out"
        found = repr(names[0][:MAX_NAME]) if names else "no records"
        raise UserError(
            Problem("all records are in one group", where, found, "two groups or more", remedy)
        )
    return groups


def _by_values(frame, definition: dict, where: str) -> list[str]:
    column, none, values = (
        definition["column"],
        definition.get("none", ()),
        definition.get("values"),
    )
    known = [name for name in frame.columns if name not in COLUMNS]
    if column not in known:
        remedy = nearest(column, known) or "reader `table`: name it in `data.keep`"
        allowed = ", ".join(map(repr, known)) or "no columns were kept"
        raise UserError(Problem("there is no such column", where, repr(column), allowed, remedy))
    raw = frame[column].fillna("").astype(str)
    none = {"", *map(str, none)}
    if not definition.get("fine", False):
        return ["none" if value in none else "targeted" for value in raw]
    apart = set(map(str, values)) if values else set(raw)
    unknown = sorted(apart - set(raw))
    # a value may have gone with the records that held it; one that is spelt almost like another is
    # a slip
    slips = [(value, nearest(value, set(raw) - apart - none, cutoff=0.85)) for value in unknown]
    what, place = "no record has this value", f"{where}.values"
    problems = [
        Problem(what, place, repr(value), remedy=remedy) for value, remedy in slips if remedy
    ]
    if problems:
        raise UserError(problems)
    return ["none" if value in none else value if value in apart else "other" for value in raw]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _pattern(terms: Iterable, where: str) -> re.Pattern:
    words = [[re.escape(word) for word in _folded(str(term)).split()] for term in terms]
    if not words or not all(words):
        remedy = "list at least one term, none of them empty"
        raise UserError(Problem("no terms, or an empty one", f"{where}.terms", remedy=remedy))
    literal = "|".join(r"\s+".join(parts) for parts in words)
    return re.compile(rf"(?<!\w)(?:{literal})(?!\w)")


def index_of(records, groups: dict[str, dict]):
    """record_id, owner, split, and label or part of each record, then a column for each family of
    groups (name -> definition).

    Holds no text. The problems of all families are raised together.
    """
    index, problems = records[[name for name in INDEX_COLUMNS if name in records]].copy(), []
    for family, definition in groups.items():
        if family in COLUMNS:
            remedy = "give the family another name"
            problems.append(
                Problem("the name of a column of the records", f"groups.{family}", remedy=remedy)
            )
            continue
        try:
            index[family] = group_column(records, definition, where=f"groups.{family}")
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return index


def group_counts(index, family: str, split: str):
    """Records of a split by group (rows, sorted) and label (columns, 0 to the largest); 0 where
    there are none."""
    part = index[index["split"] == split]
    counts = part.groupby([family, "label"]).size().unstack(fill_value=0)
    labels = range(max(1, index["label"].max() if len(index) else 1) + 1)
    return counts.reindex(index=sorted(index[family].unique()), columns=labels, fill_value=0)


def check_calibration(
    index, families: Iterable[str], *, splits: Iterable[str] = ("valid",), after: str = ""
) -> None:
    """Raise UserError unless there are two groups, each with records of either label (0, 1) in all
    ``splits``.

    Equalized odds equates P(decision = 1 | group, label), fitted on valid and measured on test too;
    a rate of no records is none. ``after`` names the request that left no other records.
    """
    problems = []
    for family in families:
        where = f"groups.{family}" + (f", after request {after}" if after else "")
        if index[family].nunique() < 2:
            remedy = "leave the family out of `groups`"
            problems.append(
                Problem(
                    "all records are in one group",
                    where,
                    allowed="two groups or more",
                    remedy=remedy,
                )
            )
        else:
            problems += [
                problem for split in splits for problem in _lacking(index, family, split, where)
            ]
    if problems:
        raise UserError(problems)


def _lacking(index, family: str, split: str, where: str) -> Iterator[Problem]:
    """At most one problem, that names the groups without records of label 0 or 1 in a split."""
    counts = group_counts(index, family, split)
    lacking = counts[(counts[[0, 1]] == 0).any(axis=1)]
    if len(lacking):
        names = " or ".join(
            name
            for label, name in ((0, "negatives"), (1, "positives"))
            if (lacking[label] == 0).any()
        )
        rows = [
            f"{_named(group, counts, index)}: {row[0]} negatives, {row[1]} positives"
            for group, row in lacking.iterrows()
        ]
        found = "; ".join(rows[:5]) + (
            f"; and {len(rows) - 5} more groups" if len(rows) > 5 else ""
        )
        remedy = (
            "merge it into another (`none`, or `fine` with `values`), add records, or leave the "
            "family out of `groups`"
        )
        yield Problem(
            f"a group without {names} in split {split!r}",
            where,
            found,
            "at least one of each",
            remedy,
        )


def _named(group: str, counts, index) -> str:
    """A group for a message; the values of a column that is not one of few categories may be
    texts."""
    few = len(counts) <= MAX_GROUPS and 4 * len(counts) <= len(index)
    return (
        repr(group)
        if SHOWABLE.fullmatch(group) or (few and len(group) <= MAX_NAME)
        else "a group with a long name"
    )
