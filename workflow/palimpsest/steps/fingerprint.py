"""A deletion request -> what its owners are known by once their text is gone, for the audit to look
for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from palimpsest.audit.fingerprints import load, save, take
from palimpsest.audit.purges import owners_of
from palimpsest.data.ledger import forgotten_owners, read_ledger
from palimpsest.data.storage import read_parquet


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--request", required=True)
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json of the study's models")
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: `salt`. A fingerprint of the same owners that is there already is kept: the data
    may have lost them since."""
    records, requests, salt = (
        read_parquet(args.records),
        read_ledger(args.ledger),
        args.settings["salt"],
    )
    request = next(request for request in requests if request.name == args.request)
    if args.output.is_file():
        kept = load(args.output, salt)
        if list(kept.owners) == owners_of(request, salt):
            save(kept, args.output)
            return
    read_back = reader(args.tokenizer) if args.tokenizer else None
    save(
        take(records, request, set(forgotten_owners(requests, request.name)), salt, read_back),
        args.output,
    )


def reader(tokenizer: Path) -> Callable[[list[str]], list[str]]:
    """Texts -> what is read back from their ids."""
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(tokenizer))
    return lambda texts: loaded.decode_batch(
        [encoded.ids for encoded in loaded.encode_batch(texts)]
    )
