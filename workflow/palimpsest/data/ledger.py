"""The ledger: deletion requests in order, one line each: name, then its owners, separated by
tabs."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from palimpsest.data.names import LONGEST, name_problems
from palimpsest.errors import Problem, UserError

START = "r0"  # the state before any request
HEADER = "request\towners"
SAME_OWNER = ("normalized", "exact")
# a request's name becomes part of paths; an owner's never does
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST - 1}}}")


@dataclass(frozen=True)
class Request:
    """One line of the ledger."""

    name: str
    owners: tuple[str, ...]


def add_ledger(parser, required: bool = False) -> None:
    """The arguments of a step that reads the ledger."""
    parser.add_argument("--ledger", type=Path, required=required)
    parser.add_argument(
        "--same-owner", choices=SAME_OWNER, help="whether spellings of a name are one owner"
    )


def ledger_of(args) -> list[Request]:
    return read_ledger(args.ledger, args.same_owner)


def normalized(owner: str) -> str:
    """An owner's name without what looks the same or does not show: case, blanks at its ends and
    repeated ones, how letters are encoded, characters without a shape."""
    if owner.isascii():  # of these letters no other two look the same: what an audit mostly reads
        return " ".join(owner.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", owner).casefold())
    seen = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
    return " ".join(seen.split())


def read_ledger(path: Path | None, same_owner: str | None = None) -> list[Request]:
    """The requests of a ledger file, oldest first; none where ``path`` is None. Where all spellings
    of a name are one owner (``same_owner``: normalized), owners are named as the records then name
    them.

    Lines that start with '#' are comments. Raises one UserError with all problems: a header that is
    missing, an empty line, a request named twice or unsafely, a request without owners, an owner
    named twice.
    """
    if path is None:
        return []
    try:
        text = Path(path).read_bytes().decode("utf-8").removeprefix("\ufeff")
    except FileNotFoundError:
        remedy = (
            "run in the folder from which the paths of the study count, or correct `ledger`; a new "
            f"one begins with the line {HEADER!r}"
        )
        found = "" if Path(path).is_absolute() else f"no such file in {Path.cwd()}"
        raise UserError(Problem("the ledger is missing", str(path), found, remedy=remedy)) from None
    except OSError as error:
        raise UserError(
            Problem(
                "the ledger cannot be read",
                str(path),
                error.strerror or "",
                "a file",
                "correct `ledger`",
            )
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        raise UserError(
            Problem("is not UTF-8", f"{path}, line {line}", found, "utf-8", "save it as UTF-8")
        ) from None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    numbered = [
        (number, line.rstrip("\r"))
        for number, line in enumerate(lines, 1)
        if not line.startswith("#")
    ]
    if not numbered or numbered[0][1] != HEADER:
        # another file, perhaps one of records: only what looks like a header is shown
        first = numbered[0][1] if numbered else ""
        shown = (
            repr(first)
            if re.fullmatch(r"[\w ,;\t]{1,40}", first)
            else f"a line of {len(first)} characters"
        )
        found = shown if numbered else "an empty file"
        raise UserError(
            Problem(
                "the header is missing",
                str(path),
                found,
                repr(HEADER),
                "write it as the first line",
            )
        )
    requests, problems = [], []
    for number, line in numbered[1:]:
        name, *owners = line.split("\t")
        problem = _problem(line, owners, requests, f"{path}, line {number}")
        if not problem and same_owner == "normalized":
            owners = [*dict.fromkeys(map(normalized, owners))]
            problem = _problem(line, owners, requests, f"{path}, line {number}")
        if problem:
            problems.append(problem)
        else:
            requests.append(Request(name, tuple(owners)))
    if problems:
        raise UserError(problems)
    return requests


def _problem(line: str, owners: list[str], earlier: list[Request], where: str) -> Problem | None:
    name = line.partition("\t")[0]
    if not line.strip():
        return Problem(
            "an empty line",
            where,
            allowed="a request and its owners, separated by tabs",
            remedy="remove it",
        )
    if not NAME.fullmatch(name) or name == START:
        allowed = (
            f"at most {LONGEST} letters, digits, '-' and '_', the first a letter or digit; not "
            f"{START!r}, which is the state before any request"
        )
        # many editors put blanks where a tab was typed
        rest = re.search(r"[\s,;]", name.strip())
        remedy = "put one tab between a request and its owners" if rest else "rename it"
        return Problem("not a name for a request", where, repr(name[:80]), allowed, remedy)
    for problem in name_problems(name, where):
        return problem
    if any(request.name == name for request in earlier):
        return Problem(
            "a request is named twice",
            where,
            repr(name),
            "each name once",
            "give the later one a new name",
        )
    if not owners or not all(owner.strip() for owner in owners):
        allowed = "the name of the request, then one owner or more, separated by single tabs"
        return Problem(
            "a request names no owner, or an empty one",
            where,
            repr(name),
            allowed,
            "put one tab between them, no spaces",
        )
    seen = {owner for request in earlier for owner in request.owners}
    again = [
        owner for index, owner in enumerate(owners) if owner in seen or owner in owners[:index]
    ]
    if again:
        return Problem(
            "an owner is named twice",
            where,
            repr(again[0][:80]),
            "each owner once",
            "remove the later mention",
        )
    return None


def forgotten_owners(requests: list[Request], upto: str) -> list[str]:
    """Owners of all requests up to and with ``upto``, sorted; none for r0."""
    names = [START, *(request.name for request in requests)]
    return sorted(owner for request in requests[: names.index(upto)] for owner in request.owners)
