"""Owner -> shard and slice by a keyed hash, computed without reading the data.

Departs from the released SISA code, which cuts contiguous blocks in file order (methods: Bourtoule
et al. 2021): a hash lets a record come or go without moving any other, and all records of an owner
fall into one slice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

# one model on all data: base before any request, oracle after one
SINGLE = "1x1"
LARGE = 1.5  # times the mean: a shard of more records is told


def parse_sharding(sharding: str) -> tuple[int, int]:
    """'3x2' -> (3 shards, 2 slices)."""
    shards, slices = re.fullmatch(r"(\d+)x(\d+)", sharding).groups()
    return int(shards), int(slices)


def place(owner: str, sharding: str, salt: str, seed: int) -> tuple[int, int]:
    """(shard, slice) of an owner, both counted from 1.

    Two independent 64-bit draws for each owner: the shard depends on the number of shards alone and
    the slice on the number of slices alone, so that 3x1 and 3x2 share their shards and are compared
    on equal terms.
    """
    shards, slices = parse_sharding(sharding)
    key = hashlib.blake2b(f"{seed}:{salt}".encode(), digest_size=32).digest()
    digest = hashlib.blake2b(owner.encode(), key=key, digest_size=16).digest()
    first, second = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
    return first % shards + 1, second % slices + 1


def largest_shard(sizes: Mapping[str, int], sharding: str, salt: str, seed: int) -> float:
    """Records of the largest shard over the mean of all; sizes: records of each owner."""
    shards, _ = parse_sharding(sharding)
    held = [0] * shards
    for owner, records in sizes.items():
        held[place(owner, sharding, salt, seed)[0] - 1] += records
    return max(held) * shards / sum(held)
