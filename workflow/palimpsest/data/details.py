"""Details of deletion requests: when one was received, the reference it is filed under, who serves
it. A table beside the ledger, which certificates repeat."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from palimpsest.data.ledger import Request
from palimpsest.errors import Problem, UserError, quoted

COLUMNS = ("received", "reference", "operator")
MOST = 200  # characters of a detail


def read_details(path: Path | None, requests: list[Request]) -> dict[str, dict[str, str]]:
    """Request -> its details, of the ``requests`` of the ledger; empty cells are left out. None
    where ``path`` is None.

    Lines that start with '#' are comments. One UserError has all problems: another header, a line
    of another width, a request that the ledger lacks or that is named twice, a date that is none,
    the name of an owner, which a certificate must not hold.
    """
    if path is None:
        return {}
    try:
        text = Path(path).read_bytes().decode("utf-8").removeprefix("\ufeff")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        remedy = "write it, in UTF-8, or set certificates.details: null"
        what, found = "the details of requests cannot be read", type(error).__name__
        raise UserError(Problem(what, str(path), found, remedy=remedy)) from None
    numbered = [
        (number, line.rstrip("\r").split("\t"))
        for number, line in enumerate(text.removesuffix("\n").split("\n"), 1)
        if not line.startswith("#")
    ]
    header = numbered[0][1] if numbered else []
    if header[:1] != ["request"] or not _are_columns(header[1:]):
        allowed = "`request`, then some of " + ", ".join(COLUMNS) + ", separated by tabs"
        remedy = "write it as the first line"
        raise UserError(
            Problem("not the header", str(path), quoted("\t".join(header)), allowed, remedy)
        )
    owners = {request.name: request.owners for request in requests}
    details, problems = {}, []
    for number, cells in numbered[1:]:
        problem = _problem(cells, header, owners, details, f"{path}, line {number}")
        if problem:
            problems.append(problem)
        else:
            told = zip(header[1:], cells[1:], strict=True)
            details[cells[0]] = {name: value.strip() for name, value in told if value.strip()}
    if problems:
        raise UserError(problems)
    return details


def _are_columns(names: list[str]) -> bool:
    return bool(names) and len(set(names)) == len(names) and set(names) <= set(COLUMNS)


def _problem(
    cells: list[str], header: list[str], owners: dict[str, tuple], earlier: dict, where: str
) -> Problem | None:
    if len(cells) != len(header):
        found, allowed = f"{len(cells)} cells", f"{len(header)}, as the header has, some empty"
        remedy = "put one tab between them"
        return Problem("a line of another width than the header", where, found, allowed, remedy)
    name, told = cells[0], dict(zip(header[1:], cells[1:], strict=True))
    if name not in owners:
        allowed = "requests of the ledger: " + ", ".join(owners)
        remedy = "correct the name, or remove the line"
        return Problem("the ledger has no such request", where, quoted(name), allowed, remedy)
    if name in earlier:
        return Problem("a request is named twice", where, quoted(name), "once", "remove one line")
    if (received := told.get("received", "").strip()) and not _is_date(received):
        allowed = "a date, as 2026-05-31, with a time or without"
        return Problem("not a date", where, quoted(received), allowed, "write it like this")
    long = [column for column, value in told.items() if len(value) > MOST]
    if long:
        return Problem("too long", where, long[0], f"at most {MOST} characters", "shorten it")
    named = [column for column, value in told.items() if _names(value, owners[name])]
    if named:
        what = "names an owner, whom the certificate would then name"
        return Problem(what, where, named[0], remedy="use a reference that names nobody")
    return None


def _names(value: str, owners: tuple[str, ...]) -> bool:
    return any(
        re.search(rf"(?<!\w){re.escape(owner)}(?!\w)", value, re.IGNORECASE) for owner in owners
    )


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return text[4:5] == "-"
