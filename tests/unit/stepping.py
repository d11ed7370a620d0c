"""What tests of single steps share."""

from __future__ import annotations

import argparse
import importlib
import json

import numpy as np
import pandas as pd

from palimpsest.data.storage import write_parquet
from palimpsest.methods.registry import METHODS, facts
from palimpsest.metrics import METRICS, described
from palimpsest.report import tables

DESCRIBED = described(METRICS)
SECRET = "d" * 63 + "1"  # with which names are hashed in all tests of this folder
BESIDE = (
    "npo-batch",
    *(f"{name}-all_at_once" for name in ("gradient_ascent", "gradient_difference", "loo_ensemble")),
)
# PCGU under other settings: what an update may change, which word it moves, how long
PARTED = (
    *(f"pcgu-{blocks}_{share}" for blocks in ("rows", "columns") for share in ("few", "some")),
    "pcgu-whole",
)
MOVED = tuple(f"pcgu-{side}_{epochs}" for side in ("raise", "dynamic") for epochs in (1, 5))
SHOWN = facts([*METHODS, *BESIDE, *PARTED, *MOVED])  # of a study that has all methods


def call(step: str, *arguments, **settings) -> None:
    """Run a step as the command line would, errors passing through."""
    module = importlib.import_module(f"palimpsest.steps.{step}")
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=json.loads)
    module.add_arguments(parser)
    module.run(parser.parse_args([*map(str, arguments), "--settings", json.dumps(settings)]))


def scores(path, sharding, shard_probabilities: dict[int, list[float]], ids):
    """A score file; per shard the probability of class 1 of each record."""
    parts = [
        pd.DataFrame({
            "sharding": sharding, "shard": shard, "record_id": ids,
            "logp_0": np.log1p(-np.array(p)), "logp_1": np.log(np.array(p)),
        })
        for shard, p in shard_probabilities.items()
    ]  # fmt: skip
    write_parquet(pd.concat(parts), path)
    return path


def read_records(data: dict, paths, **options):
    """`palimpsest.data.reading.read_records` of a study's section `data`, in which the reader is a
    name."""
    from palimpsest.data import reading
    from palimpsest.data.readers import READERS

    return reading.read_records(data | {"reader": READERS[data["reader"]]}, paths, **options)


def tidy(frames, level: float = 0.95):
    """`palimpsest.report.tables.tidy`, told of every metric."""
    return tables.tidy(frames, level, DESCRIBED)
