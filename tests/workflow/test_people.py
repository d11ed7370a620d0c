"""A causal study, end to end: every method forgets something, nothing is trained in vain, and what
breaks says where."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from harness import Clone, steps
from newcomers import NEWCOMERS, trained_method
from studies import CAUSAL, FORGETTING, UNLEARNING


class Told(Clone):
    """A clone whose table is asked for single numbers."""

    def value(self, method: str, set_: str, metric: str, request: str = "r1") -> float:
        table = pd.read_parquet(self.path("results/tiny/tables/metrics.parquet"))
        where = {
            "seed": "all",
            "request": request,
            "method": method,
            "set": set_,
            "metric": metric,
            "group": "",
        }
        (found,) = table.loc[
            np.logical_and.reduce([table[key] == wanted for key, wanted in where.items()]), "value"
        ]
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Told:
    """The whole study after one request of two people."""
    clone = Told.make(
        tmp_path_factory.mktemp("people") / "clone", forget="r1 p0002 p0003", **CAUSAL
    )
    clone.done = clone.run()
    return clone


@pytest.fixture
def clone(made, tmp_path) -> Told:
    return Told(made.copy(tmp_path / "clone").folder)


def test_each_model_is_trained_once_and_teachers_follow_no_request(made):
    trained = {"base", "oracle/r1", *(f"teachers/3x1/{shard}/1/r0" for shard in (1, 2, 3))}
    assert steps(made.done, "train") == {f"train/seed1/{name}" for name in trained}
    unlearned = {*(f"{name}/r1" for name in UNLEARNING["causal"]), "kga/r1-forget", "kga/r1-extra"}
    assert steps(made.done, "unlearn") == {f"unlearn/seed1/{name}" for name in unlearned}
    scored = {"base/r0", *(f"{name}/r1" for name in CAUSAL["methods"])}
    assert steps(made.done, "score") == {f"score/seed1/{name}" for name in scored}


def test_the_base_knows_what_the_oracle_never_saw(made):
    assert (
        made.value("base", "forget", "probability")
        > 0.8
        > 0.3
        > made.value("oracle", "forget", "probability")
    )
    assert made.value("oracle", "retain", "probability") > 0.8
    assert (
        made.value("base", "forget", "membership_auroc") > 0.95
        and made.value("oracle", "forget", "kl") == 0
    )
    assert (
        made.value("oracle", "forget", "forget_quality") == 1
        and made.value("base", "forget", "forget_quality") < 0.05
    )


@pytest.mark.parametrize("method", FORGETTING["causal"])
def test_a_method_moves_what_it_promises_beyond_the_sham(made, method):
    """In log-perplexity, away from the base; and every number that it has is one."""
    base, sham, after = (
        np.log(made.value(name, "forget", "perplexity")) for name in ("base", "sham", method)
    )
    assert after - base > 2 * abs(sham - base) and after - base > 0.1
    table = pd.read_parquet(made.path("results/tiny/tables/metrics.parquet"))
    assert np.isfinite(table.loc[table["method"] == method, "value"]).all()


def test_a_second_run_has_nothing_to_do(made):
    assert made.jobs() == set()


def test_what_nothing_uses_yet_runs_nothing(clone):
    for newcomer in NEWCOMERS:
        newcomer(clone)
        assert clone.jobs() == set(), newcomer.__name__


def test_a_method_of_ones_own_trains_alone(clone):
    """And the sham, which goes as far as the farthest of all methods."""
    trained_method(clone)
    clone.change_study(
        methods=[*CAUSAL["methods"], "further"],
        options=CAUSAL["options"] | {"further": {"learning_rate": 1.0e-3}},
    )
    models = {
        f"{step}/seed1/{name}/r1"
        for step in ("unlearn", "score", "measure", "cost")
        for name in ("further", "sham")
    }
    reported = {"tabulate", "certificates/r1", "certificates/r1-page"}
    assert {job for job in clone.jobs() if not job.startswith("figures/")} == models | reported


def test_editing_the_loss_of_a_method_trains_it_alone(clone):
    old = 'batch["reference"], settings.beta)'
    clone.edit("workflow/palimpsest/methods/npo.py", old, old.replace("settings", "1 * settings"))
    models = {
        f"{step}/seed1/{name}/r1" for step in ("unlearn", "score") for name in ("npo", "sham")
    }
    assert steps(clone.jobs(), "train", "unlearn", "score") == models


def test_editing_a_metric_scores_nothing(clone, made):
    clone.edit(
        "workflow/palimpsest/metrics/truth.py",
        "np.minimum(ratios, 1 / ratios)",
        "np.minimum(1 / ratios, ratios)",
    )
    jobs = clone.jobs()
    assert steps(jobs, "measure") == steps(made.done, "measure") and not steps(
        jobs, "train", "unlearn", "score", "cost"
    )


def test_settings_of_one_method_train_that_method_alone(clone):
    """And the sham, which goes as far as the farthest."""
    clone.change_study(options=CAUSAL["options"] | {"npo": {"learning_rate": 1.0e-3, "beta": 0.2}})
    assert steps(clone.jobs(), "train", "unlearn") == {
        "unlearn/seed1/npo/r1",
        "unlearn/seed1/sham/r1",
    }


def test_the_next_request_starts_from_the_last_model_or_from_the_base(clone):
    """npo forgets r2 alone, from its model of r1; npo-batch both from the base. After the first
    request they were the same."""
    clone.change_study(methods=["base", "oracle", "npo", "npo-batch"], sharding=["1x1"])
    clone.write_ledger("r1 p0002 p0003; r2 p0005")
    assert steps(clone.run(), "train", "unlearn") == {
        "train/seed1/oracle/r2",
        "unlearn/seed1/npo/r2",
        "unlearn/seed1/npo-batch/r2",
    }
    folder = clone.path("results/tiny/seed1")
    reports = {
        name: json.loads((folder / "methods" / name / "training.json").read_text())
        for name in ("npo/r1", "npo/r2", "npo-batch/r2")
    }
    base = json.loads((folder / "base/training.json").read_text())["sha256"]
    assert (
        reports["npo/r2"]["previous"] == reports["npo/r1"]["sha256"]
        and reports["npo-batch/r2"]["previous"] == base
    )
    assert (
        reports["npo/r2"]["records"]["forget"],
        reports["npo-batch/r2"]["records"]["forget"],
    ) == (12, 36)
    assert clone.path("results/tiny/figures/sequence.png").is_file()
    assert Told.value(clone, "npo-batch", "forget", "perplexity", "r2") > Told.value(
        clone, "base", "forget", "perplexity", "r2"
    )


def test_after_a_purge_there_is_nothing_to_do(clone):
    """The base, the teacher of both people and what methods made are gone, their numbers are not:
    no figure is drawn anew, with the oracle alone or of nothing. And with no model left that could
    be made to forget, the next request is the oracle's alone."""
    assert clone.palimpsest("purge", "--yes") == 0, clone.output
    left = ("oracle/r1", "teachers/3x1/2/1/r0", "teachers/3x1/3/1/r0")
    assert clone.digests().keys() == {
        f"results/tiny/seed1/{name}/model.safetensors" for name in left
    }
    assert clone.palimpsest("audit", "--check") == 0, clone.output
    assert clone.jobs("all", "data") == set()
    clone.write_ledger("r1 p0002 p0003; r2 p0005")
    assert steps(clone.jobs(), "train", "unlearn") == {"train/seed1/oracle/r2"}


def test_a_loss_that_is_no_number_says_when(clone):
    """With a rate that ruins the model; the good model of the settings before stays where it is."""
    model = clone.path("results/tiny/seed1/methods/gradient_difference/r1/model.safetensors")
    before = model.read_bytes()
    clone.change_study(
        options=CAUSAL["options"]
        | {"gradient_difference": {"learning_rate": 9.0, "clip_norm": None, "epochs": 30}}
    )
    assert (
        clone.snakemake("results/tiny/seed1/methods/gradient_difference/r1/model.safetensors") != 0
    )
    log = clone.path("results/tiny/logs/unlearn/seed1/gradient_difference/r1.log").read_text()
    assert "not finite at update" in log and "lower learning_rate" in log and "Traceback" not in log
    assert model.read_bytes() == before
