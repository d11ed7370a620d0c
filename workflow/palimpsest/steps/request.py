"""A deletion request -> the evidence that its owners were there: how many records of each split it
removes."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.purges import owners_of
from palimpsest.data.ledger import Request, forgotten_owners, read_ledger
from palimpsest.data.records import REQUIRED_SPLITS, split_counts
from palimpsest.data.storage import read_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json, write_json


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--request", required=True)
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `salt`. Owners are hashed with it; the evidence names nobody.

    Evidence of the same owners that is there already is kept: the data may have lost them since.
    """
    records, requests = read_parquet(args.records), read_ledger(args.ledger)
    request = next(request for request in requests if request.name == args.request)
    hashed = owners_of(request, args.settings["salt"])
    if args.output.is_file() and (evidence := read_json(args.output))["owners"] == hashed:
        write_json(args.output, evidence)
        return
    owners = set(records["owner"])
    if missing(request, owners):
        new = [
            one
            for one in requests
            if one is request or not args.output.with_name(f"{one.name}.json").is_file()
        ]
        raise UserError([problem for one in new for problem in missing(one, owners, args.ledger)])
    gone = records[records["owner"].isin(request.owners)]
    left = split_counts(records[~records["owner"].isin(forgotten_owners(requests, request.name))])
    if none := [name for name in REQUIRED_SPLITS if name not in left]:
        found = ", ".join(f"{count} {name}" for name, count in left.items()) or "no records at all"
        what, allowed = (
            f"a request leaves no record in split {' or '.join(none)}",
            f"records in each of {', '.join(REQUIRED_SPLITS)}",
        )
        remedy = "add records of other owners, or take owners out of the request"
        raise UserError(
            Problem(
                what,
                f"{args.ledger}, request {request.name}",
                f"it leaves {found}",
                allowed,
                remedy,
            )
        )
    counts = {str(split): int(count) for split, count in gone["split"].value_counts().items()}
    trained = owners_of(
        Request(request.name, tuple(gone.loc[gone["split"] == "train", "owner"].unique())),
        args.settings["salt"],
    )
    write_json(
        args.output,
        {"request": request.name, "owners": hashed, "trained": trained, "records": counts},
    )


def missing(request: Request, owners: set[str], ledger: Path | str = "") -> list[Problem]:
    """A problem for each owner of ``request`` that the data lack."""
    return [
        Problem(
            "the data hold no record of this owner", f"{ledger}, request {request.name}",
            repr(owner[:80]) + ("" if owner.isascii() else f", written {owner[:80]!a}"),
            "owners of the data", "correct the name, or take the owner out of the request",
        )
        for owner in request.owners
        if owner not in owners
    ]  # fmt: skip
