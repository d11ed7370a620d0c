"""Sensitive groups: by a column of the data, or by terms that a text holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from palimpsest.data.records import SHOWABLE, SPLITS
from palimpsest.data.storage import COLUMNS, whole_texts
from palimpsest.data.words import folded
from palimpsest.errors import Problem, UserError, nearest

if TYPE_CHECKING:
    import regex

# longer names, or more of them, may be texts of records and are not shown
MAX_NAME, MAX_GROUPS = 40, 30
UNGROUPED = ""  # in the index: in no group of the family
INDEX_COLUMNS = ("record_id", "owner", "split", "label", "part")


def group_column(frame, definition: dict, *, where: str = "groups"):
    """The group of each record, (n,) array of str; UNGROUPED where the family drops it.

    ``{column, none, fine, values}``: by the values of a column. ``none`` lists those that mean no
    group (the empty one always does). fine = false: "targeted" against "none"; fine = true: each
    value is a group, those outside ``values`` (if given) are "other". ``{terms}``: "mentions" where
    the text holds one of the terms, else "none"; literal, case-blind, as whole words by Unicode's
    rules, so that in scripts without spaces it is found anywhere; white space, hyphens and
    underscores between words are alike. "term*" is found at the beginning of a word, "*term" at its
    end: for particles, articles, inflections. Of the groups that come of it ``drop`` names those
    whose records have no group in the family, and ``other`` those that become one, "other". Raises
    UserError where there is no such column or group, or all records are in one group.
    """
    import numpy as np

    if "terms" in definition:
        pattern = _pattern(definition["terms"], where)
        groups = [
            "mentions" if pattern.search(folded(text)) else "none" for text in whole_texts(frame)
        ]
    else:
        groups = _by_values(frame, definition, where)
    groups = np.array(_dropped_and_merged(groups, definition, where), dtype=str)
    names = sorted(set(groups.tolist()) - {UNGROUPED})
    if len(names) < 2:
        remedy = (
            "correct `none`, `values`, `terms`, `drop` or `other`, or leave this family of groups "
            "out"
        )
        found = repr(names[0][:MAX_NAME]) if names else "no records"
        raise UserError(
            Problem("all records are in one group", where, found, "two groups or more", remedy)
        )
    return groups


def _dropped_and_merged(groups: list[str], definition: dict, where: str) -> list[str]:
    renamed = dict.fromkeys(definition.get("other", ()), "other")
    renamed |= dict.fromkeys(definition.get("drop", ()), UNGROUPED)
    if not renamed:
        return groups
    names = sorted(set(groups))
    few = 4 * len(names) <= len(groups)
    allowed = ", ".join(shown_group(name, names, few) for name in names[:MAX_GROUPS])
    allowed += f" and {len(names) - MAX_GROUPS} more" if len(names) > MAX_GROUPS else ""
    problems = [
        Problem(
            "no record is in this group", f"{where}.{key}", repr(name[:MAX_NAME]), allowed,
            nearest(name, names) or "correct it, or take it out of the list",
        )
        for key in ("drop", "other")
        for name in definition.get(key, ())
        if name not in names
    ]  # fmt: skip
    if problems:
        raise UserError(problems)
    return [renamed.get(name, name) for name in groups]


def _by_values(frame, definition: dict, where: str) -> list[str]:
    column, values = definition["column"], definition.get("values")
    kept = [name for name in frame.columns if name not in COLUMNS]
    if column not in kept:
        remedy = nearest(column, kept) or "reader `table`: name it in `data.keep`"
        allowed = ", ".join(map(repr, kept)) or "no columns were kept"
        raise UserError(Problem("there is no such column", where, repr(column), allowed, remedy))
    raw = frame[column].fillna("").astype(str)
    none = {"", *map(str, definition.get("none", ()))}
    if not definition.get("fine", False):
        return ["none" if value in none else "targeted" for value in raw]
    apart = set(map(str, values)) if values else set(raw)
    unknown = sorted(apart - set(raw))
    # a value may be gone with the records that had it; one spelt almost like another is a typing
    # error
    slips = [(value, nearest(value, set(raw) - apart - none, cutoff=0.85)) for value in unknown]
    what, place = "no record has this value", f"{where}.values"
    problems = [
        Problem(what, place, repr(value), remedy=remedy) for value, remedy in slips if remedy
    ]
    if problems:
        raise UserError(problems)
    return ["none" if value in none else value if value in apart else "other" for value in raw]


# Between words by Unicode's rules (annex 29), and beside punctuation, which these rules take for a
# part of a word in "it's" and "end.Next". In scripts without spaces they part every letter.
EDGE = r"(?:\b|(?<=\p{P})|(?=\p{P}))"
GAP = r"[\s_\p{Pd}]+"  # of white space, hyphens and underscores


def _pattern(terms: Iterable, where: str) -> regex.Pattern:
    import regex

    def literal(term: str) -> str:
        """A star at either end stands for the rest of a word."""
        within = term.removeprefix("*").removesuffix("*")
        words = [regex.escape(word) for word in regex.split(GAP, within) if word]
        starts, ends = ("" if starred else EDGE for starred in (term[0] == "*", term[-1] == "*"))
        return f"{starts}{GAP.join(words)}{ends}" if words else ""

    given = [folded(str(term)).strip() for term in terms]
    if not all(parts := [literal(term) if term else "" for term in given]) or not parts:
        remedy = "list at least one term, none of them empty"
        raise UserError(Problem("no terms, or an empty one", f"{where}.terms", remedy=remedy))
    return regex.compile("|".join(parts), regex.WORD)


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


def group_sizes(index, families: Iterable[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Family -> group -> split -> records; of all splits that there are."""
    splits = [split for split in SPLITS if (index["split"] == split).any()]
    sizes = {}
    for family in families:
        counts = index[index[family] != UNGROUPED].groupby([family, "split"]).size()
        names = sorted(set(index[family]) - {UNGROUPED})
        sizes[family] = {
            name: {split: int(counts.get((name, split), 0)) for split in splits} for name in names
        }
    return sizes


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
    without records this rate is undefined. ``after`` names the request that removed the others.
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
    """At most one problem, which names the groups without records of label 0 or 1 in a split."""
    counts = group_counts(index, family, split)
    lacking = counts[(counts[[0, 1]] == 0).any(axis=1)]
    if len(lacking):
        names = " or ".join(
            name
            for label, name in ((0, "negatives"), (1, "positives"))
            if (lacking[label] == 0).any()
        )
        rows = [
            f"{shown_group(group, counts.index, 4 * len(counts) <= len(index))}: {row[0]} "
            f"negatives, {row[1]} positives"
            for group, row in lacking.iterrows()
        ]
        found = "; ".join(rows[:5]) + (
            f"; and {len(rows) - 5} more groups" if len(rows) > 5 else ""
        )
        remedy = (
            "merge it into another (`other`, `none`, `fine` with `values`), add records, or name "
            "the family in `groups` alone, not in `fairness.groups`: it is then only measured"
        )
        yield Problem(
            f"a group without {names} in split {split!r}",
            where,
            found,
            "at least one of each",
            remedy,
        )


def shown_group(group: str, groups: Collection[str], few: bool) -> str:
    """A group's name for a message; in a column with many different values they may be texts, which
    are not shown. few: whether there are four records to a group, in the mean."""
    known = few and len(groups) <= MAX_GROUPS and len(group) <= MAX_NAME
    return repr(group) if SHOWABLE.fullmatch(group) or known else "a group with a long name"
