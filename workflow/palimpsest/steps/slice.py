"""Records -> one slice of one shard in one state, with the digest that training depends on."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from palimpsest.data.ledger import add_ledger, forgotten_owners, ledger_of
from palimpsest.data.shards import LARGE, parse_sharding, place
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.files import write_json


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    add_ledger(parser)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)


def run(args) -> None:
    """settings: `salt`, `seed`, `sharding`, `shard`, `slice`, `state`."""
    settings = args.settings
    records = read_parquet(args.records)
    train = records[records["split"] == "train"]
    requests = ledger_of(args)
    # they count even if the source no longer holds their records
    asked = [owner for request in requests for owner in request.owners]
    owners = dict.fromkeys([*train["owner"], *asked])
    cells = {
        owner: place(owner, settings["sharding"], settings["salt"], settings["seed"])
        for owner in owners
    }
    check_sharding(cells, settings["sharding"], settings["seed"])
    gone = set(forgotten_owners(requests, settings["state"]))
    kept = {
        owner
        for owner, cell in cells.items()
        if cell == (settings["shard"], settings["slice"]) and owner not in gone
    }
    chosen = train[train["owner"].isin(kept)].reset_index(drop=True)
    counts = train.loc[~train["owner"].isin(gone), "owner"].value_counts()
    for warning in warnings(train, counts.to_dict(), cells, settings):
        logging.warning("%s", warning)
    check_shard({owner for owner in train["owner"] if owner not in gone}, cells, settings)
    write_parquet(chosen, args.output)
    write_json(
        args.digest,
        {
            "digest": records_digest(chosen),
            "records": len(chosen),
            "owners": chosen["owner"].nunique(),
        },
    )


def warnings(
    train, sizes: dict[str, int], cells: dict[str, tuple[int, int]], settings: dict
) -> Iterator[str]:
    """Of a shard that is much larger than the others, or knows one label alone. sizes: training
    records of each owner who is left."""
    shard, (shards, _) = settings["shard"], parse_sharding(settings["sharding"])
    mine = {owner: size for owner, size in sizes.items() if cells[owner][0] == shard}
    held, everything = sum(mine.values()), sum(sizes.values())
    if held * shards > LARGE * everything:
        yield (
            f"shard {shard} of {shards} holds {held} of {everything} training records, and one "
            f"owner {max(mine.values())} of them: teachers of smaller shards learn less"
        )
    if "label" in train and shards > 1 and held:
        labels = train.loc[train["owner"].isin(mine), "label"].unique()
        if len(labels) == 1:
            yield f"shard {shard} of {shards} has records of label {labels[0]} alone"


def check_shard(left: set[str], cells: dict[str, tuple[int, int]], settings: dict) -> None:
    """A UserError if none of the owners ``left`` is in the shard: its teacher would vote without
    having learnt anything.

    A slice may become empty, as long as the shard does not.
    """
    if any(cells[owner][0] == settings["shard"] for owner in left):
        return
    what = "requests emptied a shard: its teacher would vote without having learnt anything"
    where = (
        f"sharding {settings['sharding']}, seed {settings['seed']}, shard {settings['shard']}, "
        f"after request {settings['state']}"
    )
    found = "no owner of training records is left in it"
    remedy = "use fewer shards; all teachers are then trained anew, without the forgotten"
    raise UserError(Problem(what, where, found, "each shard holds an owner", remedy))


def check_sharding(cells: dict[str, tuple[int, int]], sharding: str, seed: int) -> None:
    """A UserError that names every empty slice; ``cells`` maps each owner to its (shard, slice)."""
    shards, slices = parse_sharding(sharding)
    counts = Counter(cells.values())
    empty = [
        (shard, part)
        for shard in range(1, shards + 1)
        for part in range(1, slices + 1)
        if not counts[(shard, part)]
    ]
    if not empty:
        return
    where = f"sharding {sharding}, seed {seed}"
    if shards * slices > len(cells):
        found = f"{shards * slices} slices for {len(cells)} owners of training records"
        raise UserError(
            Problem(
                "more slices than owners",
                where,
                found,
                f"at most {len(cells)} slices",
                "use fewer shards or slices",
            )
        )
    what = (
        "a slice has no owner"
        if {shard for shard, _ in cells.values()} == set(range(1, shards + 1))
        else "a shard has no owner"
    )
    named = ", ".join(f"shard {shard} slice {part}" for shard, part in empty[:5])
    named += f" and {len(empty) - 5} more" if len(empty) > 5 else ""
    raise UserError(
        Problem(
            what,
            where,
            named,
            "each slice holds an owner",
            "use fewer shards or slices, or another salt",
        )
    )
