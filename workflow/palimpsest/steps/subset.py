"""Records -> a set that models are scored on, or that a method takes: held-out splits, some of the
training records, unseen ones, or what a request asked to forget."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.ledger import forgotten_owners, read_ledger
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.files import write_json
from palimpsest.randomness import seed_of

HELDOUT = ("valid", "test", "holdout")


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)


def run(args) -> None:
    """settings: `set`, one of

    heldout     all that is not trained on, but extra
    extra       never trained on; without those whom a request up to `request` names, so that
                nothing learns from them in passing
    trained     `at_least` so many training records, of owners that a hash chooses, so that the set
                depends on no ledger; and all of a part that the data name, such as canaries
    forget      training records of the owners of `request`
    sample      a `share` of the training records of those whom no request up to `request` names,
                which a hash of the id chooses
    """
    records, settings = read_parquet(args.records), args.settings
    train = records[records["split"] == "train"]
    if settings["set"] == "heldout":
        chosen = records[records["split"].isin(HELDOUT)]
    elif settings["set"] == "extra":
        gone = forgotten_owners(read_ledger(args.ledger), settings["request"])
        chosen = records[(records["split"] == "extra") & ~records["owner"].isin(gone)]
    elif settings["set"] == "trained":
        kept = train["owner"].isin(_owners(train, settings["at_least"]))
        chosen = train[kept | (train["part"] != "")] if "part" in train else train[kept]
    elif settings["set"] == "sample":
        kept = train[
            ~train["owner"].isin(forgotten_owners(read_ledger(args.ledger), settings["request"]))
        ]
        chosen = kept[
            kept["record_id"].map(lambda name: seed_of("sample", name) < settings["share"] * 2**63)
        ]
    else:
        owners = next(
            line.owners for line in read_ledger(args.ledger) if line.name == settings["request"]
        )
        chosen = train[train["owner"].isin(owners)]
    chosen = chosen.reset_index(drop=True)
    write_parquet(chosen, args.output)
    write_json(args.digest, {"digest": records_digest(chosen), "records": len(chosen)})


def _owners(train, at_least: int) -> list[str]:
    counts = train["owner"].value_counts()
    order = sorted(counts.index, key=lambda owner: seed_of("trained", owner))
    before = counts[order].cumsum().shift(fill_value=0)
    return [owner for owner in order if before[owner] < at_least]
