"""The record of purges: what cannot be made again; and the checks that ledger and secret agree with
what was recorded."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data import secret
from palimpsest.data.ledger import START, Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.engine.sealed import read_sealed, seal_of
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json
from palimpsest.study import paths

FILE = "purged.json"  # below results/{study}
REMEDY = (
    "restore it from a backup, and do not remove it: without it the forgotten would come back from "
    "the source"
)


def read_purges(study: Path) -> list[dict]:
    """Purges of a study, oldest first: `upto`, `owners` (request -> pseudonyms), `secret` (which
    one they are hashed with), `date`, `removed`, `rewritten`."""
    path = study / FILE
    return read_sealed(path, REMEDY)["purges"] if path.is_file() else []


def check_secret(study: Path, salt: str) -> None:
    """A UserError where the secret is none, or is not the one with which names of this study are
    hashed. None is made here: where it is missing, no study of this folder may have hashes."""
    present = secret.present(salt)
    folder, kept = study, paths.places(paths.REQUEST)
    if present is None:
        folder, kept = study.parent, f"*/{kept}"
    for path in sorted(folder.glob(kept)):
        if recorded := read_json(path).get("secret"):
            if present is None:
                raise UserError(secret.absent(path.parent.parent))
            if problems := secret.other(recorded, present, path, study):
                raise UserError(problems)
            return


def purged_upto(study: Path, requests: list[Request], ledger: str | None) -> str:
    """The last request that was purged; r0 if none was. A UserError where the ledger contradicts
    the record."""
    purges = read_purges(study)
    if not purges:
        return START
    key = secret.required()
    if problems := secret.other(purges[-1].get("secret"), key, study / FILE, study):
        raise UserError(problems)
    purged, problems = purges[-1]["owners"], []
    now = {request.name: owners_of(request, key) for request in requests}
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


def served(path: Path, request: Request, plan) -> bool:
    """Whether there is a certificate, for the owners that the ledger of a ``Plan`` names now."""
    if not path.is_file():
        return False
    filed = read_json(path, "owners")
    return filed["owners"] == owners_of(request, plan.secret)


def removed(study: Path) -> list[dict]:
    """What purges of a study removed so far: `path`, `sha256`, `kinds`, `requests`."""
    return [entry for purge in read_purges(study) for entry in purge["removed"]]


def removals(study: Path) -> dict[str, dict]:
    """Path -> `sha256` and `date` of its last removal by a purge."""
    return {
        entry["path"]: {"sha256": entry["sha256"], "date": purge["date"]}
        for purge in read_purges(study)
        for entry in purge["removed"]
    }


def owners_of(request: Request, key: str) -> list[str]:
    """Pseudonyms of a request's owners, sorted."""
    return sorted(pseudonym(owner, key) for owner in request.owners)


def ledger_digest(requests: list[Request], upto: str, key: str) -> str:
    """SHA-256 of the ledger up to a request, with pseudonyms in place of owners: a digest of their
    names could be reversed by trying names."""
    names = [request.name for request in requests]
    lines = requests[: names.index(upto) + 1]
    return seal_of([[one.name, owners_of(one, key)] for one in lines])
