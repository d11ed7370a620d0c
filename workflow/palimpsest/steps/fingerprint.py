"""A deletion request -> fingerprints of its owners, by which the audit recognises their text after
it is deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from palimpsest.audit.fingerprints import has_secret, load, save, take
from palimpsest.data.ledger import add_ledger, forgotten_owners, ledger_of
from palimpsest.data.secret import made
from palimpsest.data.storage import read_parquet
from palimpsest.study.purges import owners_of


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    add_ledger(parser, required=True)
    parser.add_argument("--request", required=True)
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json of the study's models")
    parser.add_argument("--output", type=Path, required=True)


def run(args) -> None:
    """settings: none. An existing fingerprint of the same owners is kept: the data may no longer
    hold their records."""
    records = read_parquet(args.records)
    requests = ledger_of(args)
    secret = made()
    request = next(request for request in requests if request.name == args.request)
    if args.output.is_file() and has_secret(args.output):
        kept = load(args.output, secret)
        if list(kept.owners) == owners_of(request, secret):
            save(kept, args.output)
            return
    read_back = reader(args.tokenizer) if args.tokenizer else None
    save(
        take(records, request, set(forgotten_owners(requests, request.name)), secret, read_back),
        args.output,
    )


def reader(tokenizer: Path) -> Callable[[list[str]], list[str]]:
    """A function: texts -> what decoding their token ids gives back."""
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(tokenizer))
    return lambda texts: loaded.decode_batch(
        [encoded.ids for encoded in loaded.encode_batch(texts)]
    )
