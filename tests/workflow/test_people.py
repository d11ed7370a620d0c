"""A causal study, end to end: every method forgets something, nothing is trained in vain, and what
breaks says where."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from harness import Clone, steps
from newcomers import NEWCOMERS, trained_method
from studies import CAUSAL, FORGETTING, JUDGES, UNLEARNING, write_judged

ATTACKS = {"relearn": {"learning_rate": 1.0e-3}}


class Told(Clone):
    """A clone whose table is asked for single numbers."""

    def value(
        self, method: str, set_: str, metric: str, request: str = "r1", attack: str = ""
    ) -> float:
        table = pd.read_parquet(self.path("results/tiny/tables/metrics.parquet"))
        where = {
            "seed": "all",
            "request": request,
            "method": method,
            "set": set_,
            "metric": metric,
            "group": "",
            "attack": attack,
        }
        (found,) = table.loc[
            np.logical_and.reduce([table[key] == wanted for key, wanted in where.items()]), "value"
        ]
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Told:
    """The whole study after one request of two people."""
    folder = tmp_path_factory.mktemp("people") / "clone"
    clone = Told.make(folder, forget="r1 p0002 p0003", **CAUSAL, attacks=ATTACKS)
    clone.done = clone.run()
    return clone


@pytest.fixture
def clone(made, tmp_path) -> Told:
    return Told(made.copy(tmp_path / "clone").folder)


def test_each_model_is_trained_once_and_teachers_follow_no_request(made):
    trained = {"base", "oracle/r1", *(f"teachers/3x1/{shard}/1/r0" for shard in (1, 2, 3))}
    assert steps(made.done, "train") == {f"train/seed1/{name}" for name in trained}
    unlearned = {f"{name}/r1" for name in UNLEARNING["causal"]}
    assert steps(made.done, "unlearn") == {f"unlearn/seed1/{name}" for name in unlearned}
    auxiliaries = {f"auxiliaries/seed1/kga-{name}/r1" for name in ("forget", "extra")}
    assert steps(made.done, "auxiliaries") == auxiliaries
    attacked = {f"attacks/seed1/relearn/{name}/r1" for name in CAUSAL["methods"]}
    assert steps(made.done, "attacks") == attacked
    scored = {"base/r0", *(f"{name}/r1" for name in CAUSAL["methods"])}
    scored |= {f"{name}+relearn/r1" for name in CAUSAL["methods"]}
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


def test_an_attack_is_measured_on_what_it_did_not_show(made):
    """Half of the forgotten is relearnt; by the other half the base knows as before and the oracle
    learns nothing, while what was only pushed down comes back."""
    folder = made.path("results/tiny/seed1/attacks/relearn/npo/r1")
    shown = json.loads((folder / "training.json").read_text())["shown"]
    index = pd.read_parquet(made.path("results/tiny/sets/forget-r1.parquet"))
    assert set(shown) < set(index["record_id"]) and 0 < len(shown) < len(index)
    table = pd.read_parquet(made.path("results/tiny/tables/metrics.parquet"))
    after = table[(table["attack"] == "relearn") & (table["metric"] == "probability")]
    counted = after.loc[(after["set"] == "forget") & (after["method"] == "npo"), "n"]
    assert (counted == len(index) - len(shown)).all()
    known = {
        name: (made.value(name, "forget", "probability"),
               made.value(name, "forget", "probability", attack="relearn"))
        for name in ("base", "oracle", "gradient_difference")
    }  # fmt: skip
    assert min(known["base"]) > 0.8 and max(known["oracle"]) < 0.4
    assert known["gradient_difference"][1] > known["gradient_difference"][0] + 0.1
    assert set(table.loc[table["attack"] == "relearn", "method"]) == set(CAUSAL["methods"])


def test_a_further_attack_runs_alone(clone):
    """A variant of it, too: its models, their scores and numbers, tables, one figure."""
    clone.change_study(attacks=ATTACKS | {"relearn-other": {"text": "retain", "share": 0.1}})
    jobs = clone.jobs()
    names = {f"attacks/seed1/relearn-other/{name}/r1" for name in CAUSAL["methods"]}
    assert steps(jobs, "train", "unlearn", "auxiliaries", "attacks") == names
    both = {f"{step}/seed1/{name}+relearn-other/r1" for step in ("score", "measure")
            for name in CAUSAL["methods"]}  # fmt: skip
    assert steps(jobs, "score", "measure", "cost") == both


def test_a_second_run_has_nothing_to_do(made):
    assert made.jobs() == set()


def test_what_nothing_uses_yet_runs_nothing(clone):
    """All of it at once; which of it runs something, one after another would say."""
    for newcomer in NEWCOMERS:
        newcomer(clone)
    assert clone.jobs() == set()


def test_a_method_of_ones_own_trains_alone(clone):
    """And the sham, which goes as far as the farthest of all methods."""
    trained_method(clone)
    clone.change_study(
        methods=[*CAUSAL["methods"], "further"],
        options=CAUSAL["options"] | {"further": {"learning_rate": 1.0e-3}},
    )
    names = ("further", "sham")
    models = {
        f"{step}/seed1/{name}/r1"
        for step in ("unlearn", "score", "measure", "cost")
        for name in names
    }
    models |= {f"attacks/seed1/relearn/{name}/r1" for name in names}
    models |= {f"{step}/seed1/{name}+relearn/r1" for step in ("score", "measure") for name in names}
    reported = {"tabulate", "certificates/r1", "certificate_pages/r1"}
    assert {job for job in clone.jobs() if not job.startswith("figures/")} == models | reported


def test_editing_the_loss_of_a_method_trains_it_alone(clone):
    old = 'batch["reference"], settings.beta)'
    clone.edit("workflow/palimpsest/methods/npo.py", old, old.replace("settings", "1 * settings"))
    names = ("npo", "sham")
    models = {f"{step}/seed1/{name}/r1" for step in ("unlearn", "score") for name in names}
    models |= {f"score/seed1/{name}+relearn/r1" for name in names}
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
    methods = ["base", "oracle", "npo", "npo-batch"]
    clone.change_study(methods=methods, sharding=["1x1"], attacks={})
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


def test_a_judge_is_trained_once_and_judges_and_rewards(clone):
    """What it says stands in the table with how good it is, and it has no part in the models that
    it does not reward."""
    write_judged(clone.folder)
    clone.change_study(
        methods=["base", "oracle", "quark"], attacks={}, sharding=["1x1"], judges=JUDGES,
        options={"quark": {"reward": "vile", "epochs": 1, "batch_size": 8}},
    )  # fmt: skip
    jobs = clone.run()
    (judge,) = (job for job in jobs if job.startswith("vile-"))
    assert judge.endswith("/judge") and steps(jobs, "train", "unlearn") == {
        "unlearn/seed1/quark/r1"
    }
    table = pd.read_parquet(clone.path("results/tiny/tables/metrics.parquet"))
    said = table[table["group"] == "judge=vile"]
    judged = said[said["metric"] == "judged"]
    assert set(judged["method"]) == {"base", "oracle", "quark"}
    assert judged["value"].between(0, 1).all() and judged["n"].max() == 6
    (good,) = said.loc[
        (said["metric"] == "judge_accuracy") & (said["request"] == "r1") & (said["seed"] == "1"),
        "value",
    ]
    report = clone.path(f"results/pretrained/{judge.partition('/')[0]}/training.json")
    assert good == json.loads(report.read_text())["held_out"]["accuracy"] > 0.5
    summary = clone.path("results/tiny/tables/summary.md").read_text()
    assert "What models write, judged by vile" in summary
    assert clone.jobs() == set()


def test_settings_are_chosen_among_trials_by_records_that_nothing_else_counts(clone):
    """Two methods, two trials each, within one budget; nothing else is trained. Base and oracle are
    scored once more, since they write on records of the choice, too."""
    rates = {"learning_rate": {"low": 1.0e-4, "high": 3.0e-3, "log": True}}
    tuned, budget = ("gradient_difference", "npo"), 3000
    tuning = {"trials": 2, "budget": budget, "part": 0.4, "ranges": dict.fromkeys(tuned, rates)}
    methods = ["base", "oracle", *tuned]
    clone.change_study(methods=methods, options={}, attacks={}, sharding=["1x1"], tuning=tuning)
    planned = clone.jobs()
    trials = {f"{name}-trial{number}" for name in tuned for number in (1, 2)}
    names = {f"{name}/r1" for name in trials | set(tuned)}
    assert steps(planned, "train", "unlearn") == {f"unlearn/seed1/{name}" for name in names}
    beside = {"base/r0", "base/r1", "oracle/r1"}
    assert steps(planned, "score") == {f"score/seed1/{name}" for name in names | beside}
    assert steps(planned, "choose") == {f"choose/seed1/{name}/r1" for name in tuned}
    measured = {*methods, *trials, "base-tuning", "oracle-tuning"}
    measured = {"base/r0", *(f"{name}/r1" for name in measured)}
    assert steps(planned, "measure") == {f"measure/seed1/{name}" for name in measured}
    assert clone.run() == planned and clone.jobs() == set()
    folder = clone.path("results/tiny/seed1")
    for name in tuned:
        choice, report, *tried = (
            json.loads((folder / path).read_text())
            for path in (f"tuning/{name}/r1.json", f"methods/{name}/r1/training.json",
                         *(f"methods/{name}-trial{n}/r1/training.json" for n in (1, 2)))
        )  # fmt: skip
        assert report["options"]["learning_rate"] == choice["settings"]["learning_rate"]
        scores = {one["trial"]: one["score"] for one in choice["trials"]}
        assert scores[choice["trial"]] == min(scores.values())
        assert all(0.8 * budget < one["tokens"] <= budget for one in (report, *tried))
    table = pd.read_parquet(clone.path("results/tiny/tables/metrics.parquet"))
    counted = table[(table["metric"] == "probability") & (table["seed"] == "1")]
    n = counted.groupby(["set", "method"])["n"].max()
    forgotten = len(pd.read_parquet(clone.path("results/tiny/sets/forget-r1.parquet")))
    assert n["forget", "npo"] + n["tuning_forget", "npo-trial1"] == forgotten
    assert set(n["tuning_forget"].index) == {"base", "oracle", *trials}
    assert set(n["forget"].index) == set(methods)
    summary = clone.path("results/tiny/tables/summary.md").read_text()
    assert "## Methods at equal utility" in summary and "trial1" not in summary
    assert clone.path("results/tiny/figures/tuning.png").is_file()
    assert clone.palimpsest("audit") == 0
    assert "seed1/tuning/npo/r1.json" in clone.output and "npo-trial2" in clone.output
    assert clone.palimpsest("purge", "--yes") == 0, clone.output
    assert not list(folder.glob("tuning/*/*")) and not list(folder.glob("methods/*/*/*"))
    assert clone.jobs() == set()


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
