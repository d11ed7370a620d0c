"""Votes, labels and groups as users hand them over -> arrays to compute with; what is wrong goes to
``problems``."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence, Sized

import numpy as np

from palimpsest.errors import Problem

MAX_SHARDS = 63
ROWS = 1 << 16  # votes are read so many records at a time, to stay within cache and little memory


def read_votes(votes: object, problems: list[Problem]) -> tuple[np.ndarray | None, int]:
    """Votes (n, S) of {0, 1} -> patterns (n,) uint64, shard i in bit i, and S. No patterns if
    anything is wrong."""
    array = _numbers(votes, "votes", problems)
    if array is None:
        return None, 0
    if array.ndim != 2 or not 1 <= array.shape[1] <= MAX_SHARDS:
        problems.append(
            Problem(
                what="votes are not a table of one row a record and one column a shard",
                where="votes",
                found=f"shape {array.shape}",
                allowed=f"(records, shards) with 1 to {MAX_SHARDS} shards",
                remedy="for a single model reshape to (n, 1); for more shards vote within parts of "
                "them first",
            )
        )
        return None, 0
    count, shards = array.shape
    patterns = np.empty(count, dtype=np.uint64)
    wrong = []
    for start in range(0, count, ROWS):
        block = array[start : start + ROWS]
        ones = block == 1
        wrong.append(start + np.flatnonzero((~ones & (block != 0)).any(axis=1)))
        packed = np.zeros((len(block), 8), dtype=np.uint8)
        packed[:, : (shards + 7) // 8] = np.packbits(ones, axis=1, bitorder="little")
        patterns[start : start + ROWS] = packed.view("<u8")[:, 0]
    return (None if _rejected(wrong, "votes", problems) else patterns), shards


def read_labels(labels: object, problems: list[Problem]) -> np.ndarray | None:
    """Labels (n,) of {0, 1} -> uint8, or None if anything is wrong."""
    array = _numbers(labels, "labels", problems)
    if array is None or _not_flat(array.shape, "labels", problems):
        return None
    ones = array == 1
    return (
        None
        if _rejected([np.flatnonzero(~ones & (array != 0))], "labels", problems)
        else ones.astype(np.uint8)
    )


def read_groups(
    groups: Iterable[Hashable], problems: list[Problem]
) -> tuple[list[Hashable] | None, set[Hashable]]:
    """Groups (n,) of anything hashable -> plain values, and the distinct ones.

    Values are None if anything is wrong: a missing group (None, NaN), or one that cannot be hashed.
    """
    if isinstance(groups, np.ndarray) and _not_flat(groups.shape, "groups", problems):
        return None, set()
    values = groups.tolist() if hasattr(groups, "tolist") else list(groups)
    try:
        distinct = set(values)
    except TypeError:
        what, found = "a group is not a single value", "values that cannot be hashed, such as lists"
    else:
        if not any(map(_is_missing, distinct)):
            return values, distinct
        rows = [row for row, value in enumerate(values) if _is_missing(value)]
        what, found = "a record has no group", f"{len(rows)} missing, first in row {rows[0]}"
    remedy = "give records outside the others a group of their own"
    problems.append(Problem(what, "groups", found, "one string, number or tuple a record", remedy))
    return None, set()


def number_groups(values: Sequence[Hashable], index: dict[Hashable, int]) -> list[np.ndarray]:
    """The rows of each group, ascending, in the order of ``index`` (group -> 0..G-1), which holds
    all values."""
    small = np.uint16 if len(index) <= 1 << 16 else np.int64  # 16-bit integers sort in linear time
    member = np.fromiter(map(index.__getitem__, values), dtype=small, count=len(values))
    ends = np.cumsum(np.bincount(member, minlength=len(index)))
    return np.split(np.argsort(member, kind="stable"), ends[:-1])


def check_lengths(inputs: dict[str, Sized | None], problems: list[Problem]) -> None:
    """One record is one row in each input; what could not be read is None and has its own
    problem."""
    lengths = {name: len(rows) for name, rows in inputs.items() if rows is not None}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        problems.append(
            Problem(
                "lengths differ",
                ", ".join(lengths),
                found,
                "one entry a record",
                "align the inputs",
            )
        )


def _numbers(values: object, where: str, problems: list[Problem]) -> np.ndarray | None:
    try:
        array = np.asarray(values)
        found = f"values of type {array.dtype}"
    except ValueError:
        array, found = None, "rows of different length"
    if array is None or array.dtype.kind not in "biuf":
        problems.append(
            Problem(f"{where} are not numbers", where, found, "0 and 1", "convert them to integers")
        )
        return None
    return array


def _not_flat(shape: tuple[int, ...], where: str, problems: list[Problem]) -> bool:
    if len(shape) == 1:
        return False
    problems.append(
        Problem(
            f"{where} are not one-dimensional",
            where,
            f"shape {shape}",
            "(records,)",
            "flatten them",
        )
    )
    return True


def _rejected(rows: list[np.ndarray], where: str, problems: list[Problem]) -> bool:
    wrong = np.concatenate(rows) if rows else np.empty(0, dtype=int)
    if not len(wrong):
        return False
    found = f"other values in {len(wrong)} records, first in row {wrong[0]}"
    remedy = "turn probabilities into decisions first; missing values are not votes or labels"
    problems.append(Problem(f"{where} other than 0 and 1", where, found, "0 and 1", remedy))
    return True


def _is_missing(value: object) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA refuses to have a truth value
        return True
