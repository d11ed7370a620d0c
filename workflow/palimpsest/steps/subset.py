"""Records -> a set to score models on or to give to a method: held-out splits, some training
records, unseen records, or those that a request asks to forget."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.ledger import add_ledger, forgotten_owners, ledger_of
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.files import write_json
from palimpsest.randomness import seed_of

HELDOUT = ("valid", "test", "holdout")


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    add_ledger(parser)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)


def run(args) -> None:
    """settings: `set`, one of

    heldout     all records that are not trained on, except extra
    extra       never trained on; without owners whom a request up to `request` names, so that
                nothing learns from them indirectly
    trained     at least `at_least` training records, of owners chosen by a hash, so that the set
                depends on no ledger; and all records of a named part, such as canaries
    forget      training records of the owners of `request`
    sample      a `share` of the training records of owners whom no request up to `request` names,
                chosen by a hash of the record's id
    """
    records, settings = read_parquet(args.records), args.settings
    train = records[records["split"] == "train"]
    if settings["set"] == "heldout":
        chosen = records[records["split"].isin(HELDOUT)]
    elif settings["set"] == "extra":
        gone = forgotten_owners(ledger_of(args), settings["request"])
        chosen = records[(records["split"] == "extra") & ~records["owner"].isin(gone)]
    elif settings["set"] == "trained":
        kept = train["owner"].isin(_owners(train, settings["at_least"]))
        chosen = train[kept | (train["part"] != "")] if "part" in train else train[kept]
    elif settings["set"] == "sample":
        kept = train[~train["owner"].isin(forgotten_owners(ledger_of(args), settings["request"]))]
        chosen = kept[
            kept["record_id"].map(lambda name: seed_of("sample", name) < settings["share"] * 2**63)
        ]
    else:
        owners = next(line.owners for line in ledger_of(args) if line.name == settings["request"])
        chosen = train[train["owner"].isin(owners)]
    chosen = chosen.reset_index(drop=True)
    write_parquet(chosen, args.output)
    write_json(args.digest, {"digest": records_digest(chosen), "records": len(chosen)})


def _owners(train, at_least: int) -> list[str]:
    counts = train["owner"].value_counts()
    order = sorted(counts.index, key=lambda owner: seed_of("trained", owner))
    before = counts[order].cumsum().shift(fill_value=0)
    return [owner for owner in order if before[owner] < at_least]
