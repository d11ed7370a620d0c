"""Owners in several spellings, and what a request must find in the data before anything is
trained."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from palimpsest.data.ledger import Request, forgotten_owners, normalized
from palimpsest.data.records import REQUIRED_SPLITS, split_counts
from palimpsest.data.storage import TEXTS
from palimpsest.errors import Problem


def owners_and_splits(records: Path):
    """A frame of the owner and split of each record, read without the texts. None where the file
    cannot be read: the job that reads all of it says why."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(records, columns=["owner", "split"]).to_pandas()
    except (pa.ArrowException, OSError):
        return None


def letters_by_owner(records: Path) -> dict[str, int] | None:
    """Owner -> letters of the texts of their records; None where the file cannot be read."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        texts = [name for name in pq.read_schema(records).names if name in TEXTS]
        table = pq.read_table(records, columns=["owner", *texts])
    except (pa.ArrowException, OSError):
        return None
    letters: dict[str, int] = {}
    lengths = zip(*(pc.utf8_length(table[name]).to_pylist() for name in texts), strict=True)
    for owner, some in zip(table["owner"].to_pylist(), lengths, strict=True):
        letters[owner] = letters.get(owner, 0) + sum(length or 0 for length in some)
    return letters


def look_alikes(owners: Iterable[str]) -> list[list[str]]:
    """Owners that are the same but for case, blanks and how letters are encoded: the spellings of
    each that has several."""
    spellings: dict[str, set[str]] = {}
    for owner in owners:
        spellings.setdefault(normalized(owner), set()).add(owner)
    return sorted(sorted(some) for some in spellings.values() if len(some) > 1)


def request_problems(
    new: list[Request],
    requests: list[Request],
    records,
    ledger: Path | str,
    same_owner: str | None,
    needed: Iterable[str] = (),
) -> list[Problem]:
    """Why the ``new`` ones of ``requests`` cannot be met by records, a frame with their owners and
    splits. needed: splits that the study's methods need besides those that every study needs."""
    counts = records["owner"].value_counts()
    owners = set(counts.index)
    problems = [problem for one in new for problem in _missing(one, owners, ledger)]
    if not same_owner:
        groups = look_alikes(owners)
        problems += [
            _undecided(one, group, counts, ledger)
            for one in new
            for group in groups
            if set(group) & set(one.owners)
        ]
    if problems:
        return problems
    emptied = (_emptied(one, requests, records, ledger, needed) for one in new)
    return [problem for problem in emptied if problem][:1]


def _missing(request: Request, owners: set[str], ledger: Path | str) -> list[Problem]:
    """A problem for each owner of ``request`` that the data lack."""
    return [
        Problem(
            "the data hold no record of this owner", f"{ledger}, request {request.name}",
            repr(owner[:80]) + ("" if owner.isascii() else f", written {owner[:80]!a}"),
            "owners of the data",
            "put one tab between owners" if _several(owner, owners)
            else "correct the name, or take the owner out of the request",
        )
        for owner in request.owners
        if owner not in owners
    ]  # fmt: skip


def _several(name: str, owners: set[str]) -> bool:
    """Whether this is more than one owner, with something else than a tab between them."""
    parts = [part for part in re.split(r"[\s,;]+", name) if part]
    return len(parts) > 1 and owners.issuperset(parts)


def _undecided(request: Request, group: list[str], counts, ledger: Path | str) -> Problem:
    spelled = "; ".join(
        f"{owner[:80]!a} ({counts[owner]} records)" for owner in group if owner in counts
    )
    return Problem(
        "a request names an owner whose name stands in the data in several spellings",
        f"{ledger}, request {request.name}",
        spelled,
        "a decision whether they are one owner",
        "set `same_owner: normalized` in the study, and all of them are forgotten; or `same_owner: "
        "exact`, and only those that the ledger spells alike",
    )


def _emptied(
    request: Request, requests: list[Request], records, ledger: Path | str, needed: Iterable[str]
) -> Problem | None:
    """The splits that are empty after a request and must not be."""
    left = split_counts(records[~records["owner"].isin(forgotten_owners(requests, request.name))])
    splits = [*REQUIRED_SPLITS, *needed]
    none = [name for name in splits if name not in left]
    if not none:
        return None
    found = ", ".join(f"{count} {name}" for name, count in left.items()) or "no records at all"
    return Problem(
        f"a request leaves no record in split {' or '.join(none)}",
        f"{ledger}, request {request.name}",
        f"it leaves {found}",
        f"records in each of {', '.join(splits)}",
        "add records of other owners, or take owners out of the request",
    )
