"""Records -> one slice of one shard, as a version has it, with the digest that training hangs on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from palimpsest.data.ledger import START, forgotten_owners, read_ledger
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
    owners = train["owner"].unique()
    cells = {owner: place(owner, wanted["sharding"], wanted["salt"], wanted["seed"]) for owner in owners}
    check_sharding(cells, wanted["sharding"], wanted["seed"])
    gone = set() if wanted["version"] == START else set(forgotten_owners(read_ledger(args.ledger), wanted["version"]))
    kept = {owner for owner, cell in cells.items() if cell == (wanted["shard"], wanted["slice"]) and owner not in gone}
    chosen = train[train["owner"].isin(kept)].reset_index(drop=True)
    write_parquet(chosen, args.output)
    write_json(args.digest, {"digest": records_digest(chosen), "records": len(chosen), "owners": len(kept)})


def check_sharding(cells: dict[str, tuple[int, int]], sharding: str, seed: int) -> None:
    """A UserError that names every empty slice; ``cells`` maps each owner to its (shard, slice)."""
    shards, slices = parse_sharding(sharding)
    counts = Counter(cells.values())
    empty = [(shard, part) for shard in range(1, shards + 1) for part in range(1, slices + 1) if not counts[(shard, part)]]
    if not empty:
        return
    where = f"sharding {sharding}, seed {seed}"
    if shards * slices > len(cells):
        allowed = f"at most {len(cells)} shards x slices"
        raise UserError(Problem("more slices than owners", where, f"{shards * slices} for {len(cells)} owners", allowed, "use fewer"))
    named = ", ".join(f"shard {shard} slice {part}" for shard, part in empty[:5])
    raise UserError(Problem("a slice has no owner", where, named, "each slice holds an owner", "use fewer slices, or another salt"))
