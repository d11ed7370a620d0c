"""Every draw comes from a generator keyed by names, never from global state or from the order in
which jobs run."""

from __future__ import annotations

import hashlib


def seed_of(*names: object) -> int:
    """A 63-bit seed from the names, e.g. ``seed_of(study, seed, "teacher", shard, "order")``.

    Each name is preceded by its length, so that different names never join to the same text.
    """
    joined = "".join(f"{len(str(name))}:{name}" for name in names)
    return int.from_bytes(hashlib.blake2b(joined.encode(), digest_size=8).digest(), "big") >> 1


def numpy_generator(*names: object):
    """A ``numpy.random.Generator`` seeded from the names."""
    import numpy as np

    return np.random.default_rng(seed_of(*names))


def torch_generator(*names: object):
    """A CPU ``torch.Generator`` seeded from the names."""
    import torch

    return torch.Generator().manual_seed(seed_of(*names))
