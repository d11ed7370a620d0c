"""What each figure shows, on a small invented study: selections from the tidy table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from palimpsest.figures import FIGURES
from palimpsest.methods.registry import METHODS
from palimpsest.selections import SELECTIONS, shardings
from palimpsest.tables import over_seeds, row, table

GROUPS = {"identity": ["none", "p", "q", "t"], "place_of_birth": ["none", "targeted"]}
SETTINGS = {"states": ["r0", "r1", "r2"], "families": list(GROUPS)}
ENSEMBLES = ("1x1", "3x1", "3x2", "5x2")


def example(families=tuple(GROUPS), ensembles=ENSEMBLES, seeds=(1, 2), states=("r0", "r1", "r2")):
    """(metrics, epsilon) of an invented study; the same numbers at each call."""
    rng = np.random.default_rng(7)
    rows = [one for seed in seeds for state in states for one in _state(rng, seed, state, families, ensembles)]
    seeds_table = table(rows)
    return table(pd.concat([seeds_table, over_seeds(seeds_table)]).to_dict("records")), _epsilon(rng, seeds, families, ensembles)


def _state(rng, seed, state, families, ensembles):
    for name, method in METHODS.items():
        if name == "oracle" and state == "r0":
            continue
        for sharding in ensembles if method.needs == "teachers" else ("1x1",):
            where = {"study": "example", "seed": seed, "request": state, "method": name, "shards": sharding, "model": "gpt2"}
            yield from _numbers(rng, where, method.fitted, int(sharding[0]), families)
    for sharding in ensembles if state != "r0" else ():
        where = {"study": "example", "seed": seed, "request": state, "shards": sharding, "model": "gpt2"}
        single = sharding == "1x1"
        share = 1.0 if single else rng.uniform(0.5, 1.2) / int(sharding[0])
        cost = where | {"method": "oracle" if single else "sisa"}
        yield row(cost, "train", "retrained_share", share, 2)
        yield row(cost, "train", "expected_share", 1.0 if single else 0.8 / int(sharding[0]), 2)
        member = where | {"method": "oracle" if single else "sisa_mean"}
        for set_, value in (("forget_before", 0.62), ("forget", 0.51)):
            value += rng.normal(0, 0.02)
            yield row(member, set_, "membership_auroc", value, 31, (value - 0.09, value + 0.08))


def _numbers(rng, where, fitted, size, families):
    def near(value, half):
        value = value + rng.normal(0, half / 3)
        return value, (value - half, value + half)

    for set_, drop in (("test", 0.02), ("valid", 0.0)):
        for family in families if fitted else [""]:
            for metric, value in (("accuracy", 0.86), ("auroc", 0.9), ("agreement", 0.93)):
                value, ends = near(value - drop - size / 100 - 0.05 * fitted, 0.02)
                yield row(where, set_, metric, value, 300, ends, family)
            value, ends = near(0.16 + drop + size / 100, 0.02)
            yield row(where, set_, "fit_cost", value, 300, ends, family)
        for family in families:
            value, ends = near(0.03 + drop if fitted else 0.2, 0.02)
            yield row(where, set_, "equalized_odds_max", value, 300, ends, family)
            for place, group in enumerate(GROUPS[family]):
                for metric, middle in (("tpr", 0.8), ("fpr", 0.2)):
                    value, ends = near(middle + (0.01 if fitted else 0.05) * (place - 1), 0.04)
                    yield row(where, set_, metric, value, 80, ends, f"{family}={group}")
    for family in families if fitted else ():
        yield row(where, "valid", "patterns_per_record", 2**size / 300, 0, group=family)
        yield row(where, "valid", "random_share", 0.4, 0, group=family)


def _epsilon(rng, seeds, families, ensembles):
    keys = [
        (seed, method, sharding, family, eps, set_)
        for seed in seeds
        for method in METHODS
        if METHODS[method].fitted and METHODS[method].needs == "teachers"
        for sharding in ensembles
        for family in families
        for eps in (0.0, 0.05, 0.1, 0.2, 0.5)
        for set_ in ("valid", "test")
    ]
    frame = pd.DataFrame(keys, columns=["seed", "method", "shards", "family", "eps", "set"])
    base = frame["method"].map(list(METHODS).index) * 0.01
    held_out = (frame["set"] == "test") * 0.02
    noise = rng.normal(0, 0.003, len(frame))
    return frame.assign(cost=0.2 - 0.1 * np.minimum(frame["eps"], 0.2) - base + held_out + noise, gap=frame["eps"])


@pytest.fixture(scope="module")
def study():
    return example()


def select(name, study):
    return SELECTIONS[name](*study, SETTINGS)
