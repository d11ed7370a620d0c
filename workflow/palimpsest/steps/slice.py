"""Records -> one slice of one shard, as a version has it, with the digest that training hangs
on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from palimpsest.data.ledger import forgotten_owners, read_ledger
from palimpsest.data.shards import parse_sharding, place
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.errors import Problem, UserError
from palimpsest.files import write_json


def add_arguments(parser) -> None:
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--digest", type=Path, required=True)


def run(args) -> None:
    """settings: `salt`, `seed`, `sharding`, `shard`, `slice`, `version`."""
    wanted = args.settings
    records = read_parquet(args.records)
    train = records[records["split"] == "train"]
    requests = read_ledger(args.ledger)
    # they count, though the source may have lost them since
    asked = [owner for request in requests for owner in request.owners]
    owners = dict.fromkeys([*train["owner"], *asked])
    cells = {
        owner: place(owner, wanted["sharding"], wanted["salt"], wanted["seed"]) for owner in owners
    }
    check_sharding(cells, wanted["sharding"], wanted["seed"])
    gone = set(forgotten_owners(requests, wanted["version"]))
    kept = {
        owner
        for owner, cell in cells.items()
        if cell == (wanted["shard"], wanted["slice"]) and owner not in gone
    }
    chosen = train[train["owner"].isin(kept)].reset_index(drop=True)
    check_shard({owner for owner in train["owner"] if owner not in gone}, cells, wanted)
    write_parquet(chosen, args.output)
    write_json(
        args.digest,
        {
            "digest": records_digest(chosen),
            "records": len(chosen),
            "owners": chosen["owner"].nunique(),
        },
    )


def check_shard(left: set[str], cells: dict[str, tuple[int, int]], wanted: dict) -> None:
    """A UserError if a shard has none of the owners who are ``left``: its teacher would vote
    without having learnt anything.

    A slice may become empty, as long as the shard does not.
    """
    if any(cells[owner][0] == wanted["shard"] for owner in left):
        return
    what = "requests emptied a shard: its teacher would vote without having learnt anything"
    where = (
        f"sharding {wanted['sharding']}, seed {wanted['seed']}, shard {wanted['shard']}, after "
        f"request {wanted['version']}"
    )
    found, remedy = (
        "no owner of training records is left in it",
        "use fewer shards; all teachers are then trained anew, without the forgotten",
    )
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
