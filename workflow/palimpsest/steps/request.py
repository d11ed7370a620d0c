"""A deletion request -> the evidence that its owners were there: how many records of each split it removes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from palimpsest.data.ledger import Request, read_ledger
from palimpsest.data.storage import read_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.files import write_json


def add_arguments(parser) -> None:
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--request", required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `salt`. Owners are hashed with it; the evidence names nobody."""
    index, requests = read_parquet(args.index), read_ledger(args.ledger)
    owners = set(index["owner"])
    request = next(request for request in requests if request.name == args.request)
    if missing(request, owners):
        raise UserError([problem for request in requests for problem in missing(request, owners, args.ledger)])
    gone = index[index["owner"].isin(request.owners)]
    if len(gone) == len(index):
        remedy = "a study needs records that stay"
        raise UserError(Problem("a request names every owner", f"{args.ledger}, request {request.name}", remedy=remedy))
    hashed = sorted(hashlib.blake2b(o.encode(), key=_key(args.settings["salt"])).hexdigest()[:32] for o in request.owners)
    records = {str(split): int(count) for split, count in gone["split"].value_counts().items()}
    write_json(args.output, {"request": request.name, "owners": hashed, "records": records})


def missing(request: Request, owners: set[str], ledger: Path | str = "") -> list[Problem]:
    """A problem for each owner of ``request`` that the data lack."""
    return [
        Problem(
            "the data hold no record of this owner", f"{ledger}, request {request.name}", repr(owner[:80]),
            "owners of the data", "correct the name, or take the owner out of the request",
        )
        for owner in request.owners
        if owner not in owners
    ]  # fmt: skip


def _key(salt: str) -> bytes:
    return hashlib.blake2b(salt.encode(), digest_size=32).digest()
