"""Approximate methods on the classification track, beside SISA: they forget, they decide, and their
numbers stand in the same table."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import studies
from harness import Clone, owner_in, steps

UNLEARNING, FORGETTING = (
    names["classification"] for names in (studies.UNLEARNING, studies.FORGETTING)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Clone:
    clone = Clone.make(
        tmp_path_factory.mktemp("approximate") / "clone",
        forget=f"r1 {owner_in('2x1', 1, 1)}",
        **studies.CLASSIFICATION,
    )
    clone.done = clone.run()
    clone.table = pd.read_parquet(clone.path("results/tiny/tables/metrics.parquet"))
    return clone


def report(made: Clone, method: str) -> dict:
    return json.loads(
        made.path(f"results/tiny/seed1/methods/{method}/r1/training.json").read_text()
    )


def test_each_makes_a_model_of_the_base(made):
    assert steps(made.done, "unlearn") == {f"unlearn/seed1/{name}/r1" for name in UNLEARNING}
    assert steps(made.done, "auxiliaries") == {
        f"auxiliaries/seed1/{name}/r1" for name in ("kga-forget", "kga-extra")
    }
    base = json.loads(made.path("results/tiny/seed1/base/training.json").read_text())["sha256"]
    assert all(report(made, method)["previous"] == base for method in UNLEARNING)


@pytest.mark.parametrize("method", [name for name in FORGETTING if name != "kga"])
def test_a_method_unlearns_labels_beyond_the_sham(made, method):
    """Mean log-likelihood of the labels of the forget set: of the base, and of what was made of
    it."""
    base = report(made, method)["watched"][0]["forget_log_likelihood"]
    lost, sham = (
        base - report(made, name)["watched"][-1]["forget_log_likelihood"]
        for name in (method, "sham")
    )
    assert lost > 0.01 and lost > sham
    assert np.isfinite(made.table.loc[made.table["method"] == method, "value"]).all()


def test_kga_closes_its_gap_and_stops(made):
    """To a fifth, as it is told. A small classifier is hardly surer of those it learnt from, so
    labels need not become unlikely."""
    told = report(made, "kga")
    first, *_, last = (watched["gap_difference"] for watched in told["watched"])
    assert told["stopped"] and last <= 0.2 * first and told["steps"] < 10
    assert np.isfinite(made.table.loc[made.table["method"] == "kga", "value"]).all()


def test_they_stand_beside_exact_deletion(made):
    """Accuracy, gap and membership of each, in one table; what it started from is the base."""
    now = made.table[(made.table["seed"] == "all") & (made.table["request"] == "r1")]
    for metric in ("accuracy", "equalized_odds_max", "retrained_share"):
        assert {*UNLEARNING} <= set(now.loc[now["metric"] == metric, "method"])
    told = now[now["metric"] == "membership_auroc"].set_index(["method", "set"])["value"]
    assert all(
        told[method, "forget_before"] == told["base", "forget_before"] for method in UNLEARNING
    )
    assert made.path("results/tiny/figures/membership.png").is_file() and made.jobs() == set()
