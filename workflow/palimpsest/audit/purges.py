"""The record of purges: what cannot be made again, and the check that nobody asks for it."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.sealed import read_sealed
from palimpsest.data.ledger import START, Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json

FILE = "purged.json"  # below results/{study}
REMEDY = (
    "restore it from a backup, and do not remove it: without it the forgotten would come back from "
    "the source"
)


def read_purges(study: Path) -> list[dict]:
    """Purges of a study, oldest first: `upto`, `owners` (request -> pseudonyms), `date`, `removed`,
    `rewritten`."""
    path = study / FILE
    return read_sealed(path, REMEDY)["purges"] if path.is_file() else []


def purged_upto(study: Path, requests: list[Request], salt: str, ledger: str | None) -> str:
    """The last request that was purged; r0 if none was. A UserError where the ledger goes back
    behind it."""
    purges = read_purges(study)
    if not purges:
        return START
    purged, problems = purges[-1]["owners"], []
    now = {request.name: owners_of(request, salt) for request in requests}
    names = list(now)
    if names[: len(purged)] != list(purged):
        gone = [name for name in purged if name not in now]
        what = (
            "a purged request cannot be taken back"
            if gone
            else "purged requests stand first in the ledger, in their order"
        )
        problems.append((what, ", ".join(gone or names)))
    else:
        changed = [name for name, owners in purged.items() if owners != now[name]]
        problems += [("the owners of a purged request were changed", name) for name in changed]
    if problems:
        remedy = (
            "put these lines of the ledger back as they were: text and models of the states "
            f"before were removed for good; to start over from the source, move {study} away"
        )
        where, allowed = f"ledger {ledger}; {study / FILE}", "begins with " + ", ".join(purged)
        raise UserError([Problem(what, where, found, allowed, remedy) for what, found in problems])
    return purges[-1]["upto"]


def served(path: Path, request: Request, salt: str) -> bool:
    """Whether a certificate is there, and of the owners that the ledger names now."""
    return path.is_file() and read_json(path, "owners")["owners"] == owners_of(request, salt)


def removed(study: Path) -> list[dict]:
    """What purges of a study removed so far: `path`, `sha256`, `kinds`, `requests`."""
    return [entry for purge in read_purges(study) for entry in purge["removed"]]


def owners_of(request: Request, salt: str) -> list[str]:
    """Pseudonyms of a request's owners, sorted."""
    return sorted(pseudonym(owner, salt) for owner in request.owners)
