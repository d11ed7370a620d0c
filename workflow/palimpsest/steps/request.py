"""A deletion request -> evidence that its owners were in the data: how many records of each split
it removes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from palimpsest.data.ledger import Request, add_ledger, ledger_of
from palimpsest.data.owners import request_problems
from palimpsest.data.secret import identified, made, other
from palimpsest.data.storage import read_parquet
from palimpsest.errors import UserError
from palimpsest.files import read_json
from palimpsest.study.evidence import read_evidence, write_evidence
from palimpsest.study.purges import owners_of


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    add_ledger(parser, required=True)
    parser.add_argument("--request", required=True)
    parser.add_argument(
        "--needed", nargs="*", default=[], help="splits that must not become empty, besides"
    )
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: none. Owners are hashed with the secret: the evidence names nobody.

    Existing evidence of the same owners is kept: the data may no longer hold their records.
    """
    secret = made()
    records, requests = read_parquet(args.records), ledger_of(args)
    request = next(request for request in requests if request.name == args.request)
    hashed = owners_of(request, secret)
    if args.output.is_file() and (recorded := read_json(args.output)).get("secret"):
        if problems := other(recorded["secret"], secret, args.output, args.output.parent.parent):
            raise UserError(problems)
        if recorded["owners"] == hashed:
            write_evidence(args.output, read_evidence(args.output))
            return
    unmet = partial(
        request_problems, requests=requests, records=records, ledger=args.ledger,
        same_owner=args.same_owner, needed=args.needed,
    )  # fmt: skip
    if unmet([request]):  # those of all requests without evidence, together
        waiting = (not args.output.with_name(f"{one.name}.json").is_file() for one in requests)
        new = [one for one, waits in zip(requests, waiting, strict=True) if waits or one is request]
        raise UserError(unmet(new))
    gone = records[records["owner"].isin(request.owners)]
    counts = {str(split): int(count) for split, count in gone["split"].value_counts().items()}
    trained = owners_of(
        Request(request.name, tuple(gone.loc[gone["split"] == "train", "owner"].unique())),
        secret,
    )
    evidence = {
        "request": request.name,
        "owners": hashed,
        "trained": trained,
        "secret": identified(secret),
        "records": counts,
    }
    write_evidence(args.output, evidence)
