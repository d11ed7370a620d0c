"""What each job needs, by hand: of classifiers, of causal models, in production, after a purge."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from palimpsest.data.ledger import Request
from palimpsest.data.secret import identified
from palimpsest.data.shards import place
from palimpsest.engine.asking import modules_named
from palimpsest.engine.sealed import write_sealed
from palimpsest.errors import UserError
from palimpsest.methods.contract import Auxiliary
from palimpsest.methods.registry import METHODS
from palimpsest.study import paths
from palimpsest.study.load import check_study, settings_digests
from palimpsest.study.purges import FILE, owners_of
from palimpsest.study.study import Study
from palimpsest.study.wants import WANTS, figures, methods, shared, targets
from palimpsest.study.wants.attacks import attack_reports

STUDIES = Path(__file__).resolve().parents[2] / "config" / "studies"
DEMO, PEOPLE = (
    yaml.safe_load((STUDIES / f"{name}.yaml").read_text()) for name in ("demo", "people")
)
# '3x2' of the demo's salt and seed 1: whom the hash puts into which (shard, slice).
OWNERS = {place(f"u{n:03}", "3x2", "palimpsest-demo", 1): f"u{n:03}" for n in range(120)}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A study in a folder of its own: ``make(DEMO, "r1 u001; r2 u002", sharding=["1x1"])``."""
    monkeypatch.chdir(tmp_path)

    def made(base: dict, ledger: str = "", **changes) -> Study:
        lines = ["request owners", *filter(None, map(str.strip, ledger.split(";")))]
        Path("ledger.tsv").write_text("".join(line.replace(" ", "\t") + "\n" for line in lines))
        config = copy.deepcopy(base) | {"ledger": "ledger.tsv"} | changes
        return Study(check_study(config, "study.yaml"))

    return made


@pytest.fixture
def demo(make):
    """Two requests: of shard 1, slice 2, then of shard 3, slice 1, of '3x2'."""
    ledger = f"r1 {OWNERS[1, 2]}; r2 {OWNERS[3, 1]}"
    return make(DEMO, ledger, sharding=["1x1", "3x2"])


@pytest.fixture
def people(make):
    return make(PEOPLE, "r1 p0002; r2 p0005", methods=[*PEOPLE["methods"], "npo-batch"], options={
        **PEOPLE["options"], "npo-batch": {"order": "batch"},
    })  # fmt: skip


def want(study: Study, rule: str):
    return WANTS[rule](study)


def job(**wildcards) -> SimpleNamespace:
    return SimpleNamespace(**{name: str(value) for name, value in wildcards.items()})


def inputs(study: Study, rule: str, **wildcards) -> dict[str, list[str]]:
    """Names and files, without the folder of the study, and those that are empty left out."""
    found = want(study, rule).inputs(job(**wildcards))
    own = f"{study.folder}/"
    return {name: [one.removeprefix(own) for one in some] for name, some in found.items() if some}


# --- data -----------------------------------------------------------------------------------------


def test_a_slice_needs_evidence_of_the_requests_that_touch_it(make):
    names = (f"u{n:03}" for n in range(120))
    first, second, *_ = (u for u in names if place(u, "3x2", "palimpsest-demo", 1) == (3, 1))
    study = make(DEMO, f"r1 {first}; r2 {OWNERS[1, 2]}; r3 {second}", sharding=["3x2"])
    cell = {"seed": 1, "sharding": "3x2", "shard": 3, "slice": 1}
    for state, touching in {"r0": [], "r1": ["r1"], "r2": ["r1"], "r3": ["r1", "r3"]}.items():
        expected = [f"requests/{name}.json" for name in touching]
        assert inputs(study, "slice", **cell, state=state).get("requests", []) == expected


def test_whom_a_slice_lacks_counts(demo):
    cell = {"seed": 1, "sharding": "3x2", "shard": 3, "slice": 1}
    slice_ = want(demo, "slice")
    assert slice_.marks(job(**cell, state="r0")) == ["nobody"]
    assert slice_.marks(job(**cell, state="r2"))[0].startswith("1 owners, ")
    assert json.loads(slice_.settings_json(job(**cell, state="r2"))) == {
        "salt": "palimpsest-demo", "seed": 1, "sharding": "3x2", "shard": 3, "slice": 1,
        "state": "r2",
    }  # fmt: skip


def test_whom_a_request_names_counts_and_where_the_ledger_lies_does_not(make):
    first = want(make(DEMO, "r1 u001"), "request")
    other = want(make(DEMO, "r1 u002"), "request")
    assert first.counts(job(request="r1")) != other.counts(job(request="r1"))
    Path("elsewhere.tsv").write_text(Path("ledger.tsv").read_text())
    moved = want(Study(other.config | {"ledger": "elsewhere.tsv"}), "request")
    assert moved.counts(job(request="r1")) == other.counts(job(request="r1"))
    assert moved.arguments(job(request="r1")) == "--ledger elsewhere.tsv --needed valid"


def test_local_sources_count_by_content_and_fetched_ones_are_inputs(make):
    Path("a.csv").write_text("one")
    table = {
        "reader": "table", "columns": {"text": "t", "label": "l"}, "split_shares": {"train": 1.0},
        "sources": [{"path": "a.csv"}, {"url": "https://example.org/b.csv"}],
    }  # fmt: skip
    study = make(DEMO, data=table, groups={}, fairness={}, methods=["sisa_vote"])
    (fetched,) = inputs(study, "records")["fetched"]
    assert fetched.startswith("data/source/") and fetched.endswith("-b.csv")
    records = want(study, "records")
    before = records.counts(None)
    assert records.arguments(None) == f"--source a.csv {study.folder}/{fetched}"
    Path("a.csv").write_text("two")
    assert records.counts(None) != before
    source = want(study, "fetch_source")
    assert source.settings(job(file=Path(fetched).name)) == {"url": "https://example.org/b.csv"}
    with pytest.raises(UserError, match="no source of the study is fetched to it"):
        source.settings(job(file="other.csv"))


def test_texts_are_looked_at_with_the_tokenizer_that_models_have(make, demo, people, tmp_path):
    """One that is trained here; else that of the start, whose files count by their content."""
    folder = f"results/pretrained/{demo.tokenizer}"
    found = want(demo, "describe").inputs(None)
    assert found == {
        "tokenizer": [f"{folder}/tokenizer.json"], "reports": [f"{folder}/corpus.json"],
    }  # fmt: skip
    assert want(demo, "describe").arguments(None) == f"--tokenizer {folder}"
    settings = want(demo, "describe").settings(None)
    assert settings["model"] == {"max_length": 48} and settings["classes"] == 2
    assert "--candidates results/people/data/candidates" in want(people, "describe").arguments(None)
    assert want(people, "describe").settings(None)["classes"] == 0
    hub = {"init": "a/b", "revision": "0" * 40, "max_length": 7}
    started = make(DEMO, model=hub, tokenizers={})
    assert inputs(started, "describe") == {} and want(started, "describe").arguments(None) == ""
    assert want(started, "describe").settings(None)["model"] == hub
    assert inputs(started, "describe") == {}


# --- training -------------------------------------------------------------------------------------


def test_the_base_needs_all_data_and_a_tokenizer(demo):
    shard = "seed1/shards/1x1/1/1/r0"
    assert inputs(demo, "train", seed=1, checkpoint="base") == {
        "digests": [f"{shard}.json"],
        "slices": [f"{shard}.parquet"],
        "start": [f"results/pretrained/{demo.tokenizer}/tokenizer.json"],
        "reports": [f"results/pretrained/{demo.tokenizer}/corpus.json"],
    }
    trained, base = want(demo, "train"), job(seed=1, checkpoint="base")
    code = trained.code(base)
    assert trained.arguments(base) == (
        f"--tokenizer results/pretrained/{demo.tokenizer} --checkpoint-seconds 120.0 --code {code}"
    )
    assert trained.counts(base).startswith(code)


def test_a_later_stage_needs_the_stage_before_as_the_request_left_it(demo):
    """r1 touched slice 2 of shard 1: stage 1 of it is as it was."""
    assert inputs(demo, "train", seed=1, checkpoint="teachers/3x2/1/2/r1") == {
        "digests": ["seed1/shards/3x2/1/1/r0.json", "seed1/shards/3x2/1/2/r1.json"],
        "slices": ["seed1/shards/3x2/1/1/r0.parquet", "seed1/shards/3x2/1/2/r1.parquet"],
        "previous": ["seed1/teachers/3x2/1/1/r0/model.safetensors"],
        "reports": ["seed1/teachers/3x2/1/1/r0/training.json"],
    }


def test_settings_of_a_training_hold_what_it_uses_and_no_more(demo):
    told = json.loads(
        want(demo, "train").settings_json(job(seed=1, checkpoint="teachers/3x2/1/2/r1"))
    )
    assert {key: told[key] for key in ("sharding", "shard", "stage", "slices")} == {
        "sharding": "3x2", "shard": 1, "stage": 2, "slices": 2,
    }  # fmt: skip
    assert told["track"] == "palimpsest.tracks.classification.model"
    assert told["head"] == {"classes": 2}
    assert "checkpoint_seconds" not in told["training"]


# --- scores, decisions, numbers -------------------------------------------------------------------


def test_an_ensemble_is_read_state_by_state(demo):
    """After r2: shard 2 as it was, shard 1 of r1, shard 3 of r2."""
    assert inputs(demo, "epsilon", seed=1, sharding="3x2", method="fairsisa_ensemble", state="r2")[
        "scores"
    ] == [f"seed1/scores/teachers-3x2/{state}/heldout.parquet" for state in ("r0", "r1", "r2")]
    models = {
        state: inputs(demo, "score", seed=1, model="teachers-3x2", state=state, set="heldout")
        for state in ("r0", "r1", "r2")
    }
    teachers = {state: found["models"] for state, found in models.items()}
    assert teachers["r1"] == ["seed1/teachers/3x2/1/2/r1/model.safetensors"]
    assert teachers["r2"] == ["seed1/teachers/3x2/3/2/r2/model.safetensors"]
    assert len(teachers["r0"]) == 3
    assert models["r1"]["reports"] == ["seed1/teachers/3x2/1/2/r1/training.json"]


@pytest.mark.parametrize(
    ("method", "asked"),
    [("base_postprocessed", ["requests/r1.json", "requests/r2.json"]), ("sisa_vote", [])],
)
def test_decisions_of_the_base_alone_ask_for_evidence(demo, method, asked):
    """The scores of teachers hang on it already."""
    found = inputs(demo, "decide", seed=1, method=method, state="r2")
    assert found.get("requests", []) == asked


def test_a_method_decides_from_the_scores_that_it_needs(demo):
    def scores(method):
        return inputs(demo, "decide", seed=1, method=method, state="r1")["scores"]

    base, oracle = (
        "seed1/scores/base/r0/heldout.parquet",
        "seed1/scores/oracle/r1/heldout.parquet",
    )
    assert scores("base") == [base] == scores("base_postprocessed")
    assert scores("oracle") == [oracle]
    teachers = [f"seed1/scores/teachers-3x2/{state}/heldout.parquet" for state in ("r0", "r1")]
    assert scores("sisa_vote") == [oracle, *teachers]


def test_numbers_are_held_against_the_oracle_where_it_is_another_model(demo):
    def given(state):
        return want(demo, "measure").given(job(seed=1, method="sisa_vote", state=state))

    decided = "results/demo/seed1/decisions"
    assert given("r0") == {
        "decisions": [f"{decided}/sisa_vote/r0.parquet"],
        "rules": [f"{decided}/sisa_vote/r0.json"],
    }
    assert given("r1").keys() == {"decisions", "rules", "oracle/decisions"}
    assert given("r1")["oracle/decisions"] == [f"{decided}/oracle/r1.parquet"]
    arguments = want(demo, "measure").arguments(job(seed=1, method="sisa_vote", state="r1"))
    assert arguments.startswith(f"--given decisions {decided}/sisa_vote/r1.parquet --given rules ")
    assert arguments.rstrip().endswith(f"{decided}/oracle/r1.parquet --ledger ledger.tsv")


def test_membership_is_measured_before_and_after_a_request(demo):
    about = {"seed": 1, "state": "r2", "around": "membership"}
    asked = want(demo, "measure_around")
    scores = "results/demo/seed1/scores"
    assert asked.given(job(**about, who="1x1")) == {
        "before/forget": [f"{scores}/oracle/r1/forget-r2.parquet"],
        "before/heldout": [f"{scores}/oracle/r1/heldout.parquet"],
        "after/forget": [f"{scores}/oracle/r2/forget-r2.parquet"],
        "after/heldout": [f"{scores}/oracle/r2/heldout.parquet"],
    }
    assert asked.settings(job(**about, who="1x1"))["method"] == {
        "before": "oracle", "after": "oracle",
    }  # fmt: skip
    by_method = asked.given(job(**about | {"state": "r1"}, who="npo"))
    assert by_method["before/forget"] == [f"{scores}/base/r0/forget-r1.parquet"]
    assert by_method["after/forget"] == [f"{scores}/npo/r1/forget-r1.parquet"]
    assert asked.settings(job(**about, who="3x2"))["measurer"] == (
        "palimpsest.tracks.classification.membership"
    )


def test_a_request_costs_what_it_had_trained(demo):
    """r1 touched the last slice of its shard: one stage; r2 the first: two."""

    def trained(state):
        return inputs(demo, "cost", seed=1, sharding="3x2", state=state)["trained"]

    assert trained("r1") == ["seed1/teachers/3x2/1/2/r1/training.json"]
    assert trained("r2") == [f"seed1/teachers/3x2/3/{stage}/r2/training.json" for stage in (1, 2)]


def test_the_table_and_the_targets_of_a_study_that_compares(demo):
    """3 states of 8 methods, but before any request no oracle; of 2 requests membership and cost of
    2 shardings."""
    metrics = inputs(demo, "tabulate")["metrics"]
    assert len(metrics) == 3 * 8 - 1 + 2 * 2 * 2
    assert figures.figure_names(demo) == [
        "tradeoff", "groups", "shards", "cost", "epsilon", "membership",
    ]  # fmt: skip
    assert targets.certificate_files(demo) == [
        f"results/demo/certificates/{name}.{end}"
        for name in ("r1", "r2")
        for end in ("json", "html")
    ]
    trained = targets.teacher_files(demo)
    assert len(trained) == len(set(trained)) == 3 + 6 + 1 + 2  # singles; stages of r0, r1, r2
    assert "results/demo/sets/forget-r2.json" in targets.data_files(demo)


# --- methods that train ---------------------------------------------------------------------------


def test_numbers_of_all_seeds_are_of_causal_studies_with_several(people, make):
    """Of the oracle and of what is compared with it, in each state that a request made."""
    assert not [one for one in inputs(people, "tabulate")["metrics"] if "across" in one]
    several = make(PEOPLE, "r1 p0002; r2 p0005", methods=["base", "oracle", "npo"], seeds=[1, 2])
    found = [one for one in inputs(several, "tabulate")["metrics"] if "across" in one]
    assert found == ["metrics/across/r1.parquet", "metrics/across/r2.parquet"]
    assert inputs(several, "measure_across", across="across", state="r2")["given"] == [
        f"seed{seed}/scores/{model}/r2/forget.parquet"
        for model in ("oracle", "base", "npo")
        for seed in (1, 2)
    ]
    asked, about = want(several, "measure_across"), job(across="across", state="r2")
    assert modules_named(asked.settings_json(about)) and asked.names_modules


def test_a_method_starts_from_its_last_model_or_from_the_base(people):
    def start(method, state):
        return inputs(people, "unlearn", seed=1, method=method, state=state)["model"]

    base = ["seed1/base/model.safetensors"]
    assert start("npo", "r1") == base
    assert start("npo", "r2") == ["seed1/methods/npo/r1/model.safetensors"]
    assert start("npo-batch", "r2") == base


def test_a_batch_forgets_all_requests_together(people):
    def forget(method):
        return inputs(people, "unlearn", seed=1, method=method, state="r2")["forget"]

    assert forget("npo") == ["sets/forget-r2.parquet"]
    assert forget("npo-batch") == ["sets/forget-r1.parquet", "sets/forget-r2.parquet"]


def test_a_variant_that_differs_in_order_alone_begins_with_the_second_request(people):
    assert "npo-batch" not in methods.methods_in(people, "r1")
    assert "npo-batch" in methods.methods_in(people, "r2")
    assert ("npo-batch", "r1") not in methods.unlearned(people)
    assert ("npo-batch", "r2") in methods.unlearned(people)
    assert methods.served_both_ways(people) == {"npo": "sequential", "npo-batch": "batch"}
    assert "sequence" in figures.figure_names(people)


def test_teachers_are_as_they_were_before_any_request(people):
    found = inputs(people, "unlearn", seed=1, method="loo_ensemble", state="r2")
    teachers = [f"seed1/teachers/3x1/{shard}/1/r0" for shard in (1, 2, 3)]
    assert found["teachers"] == [f"{folder}/model.safetensors" for folder in teachers]
    assert found["earlier"] == ["sets/forget-r1.parquet"]
    assert set(found["reports"]) > {f"{folder}/training.json" for folder in teachers}
    asked = job(seed=1, method="loo_ensemble", state="r2")
    told = want(people, "unlearn").settings(asked)
    assert (told["sharding"], told["salt"]) == ("3x1", "palimpsest-people")
    arguments = want(people, "unlearn").arguments(asked)
    assert "--earlier results/people/sets/forget-r1.parquet --checkpoint-seconds" in arguments


def test_kga_has_two_auxiliaries(people):
    found = inputs(people, "unlearn", seed=1, method="kga", state="r1")["auxiliaries"]
    nodes = {"kga-forget": "forget-r1", "kga-extra": "extra-r1"}
    assert found == [f"seed1/auxiliaries/{node}/r1/model.safetensors" for node in nodes]
    assert want(people, "unlearn").settings(job(seed=1, method="kga", state="r1"))[
        "auxiliaries"
    ] == ["forget", "extra"]
    for node, learnt in nodes.items():
        about = {"seed": 1, "auxiliary": node, "state": "r1"}
        learns = inputs(people, "auxiliary", **about)
        assert learns["slices"] == [f"sets/{learnt}.parquet", "sets/sample-0.05-r1.parquet"]
        assert learns["digests"] == [f"sets/{learnt}.json", "sets/sample-0.05-r1.json"]
        assert "previous" not in learns
        told = want(people, "auxiliary").settings(job(**about))
        assert told["sharding"] == f"{node}-r1"  # what keys its draws
    cost = inputs(people, "cost_of_method", seed=1, method="kga", state="r1")["trained"]
    folders = ["methods/kga", *(f"auxiliaries/{node}" for node in nodes)]
    assert cost == [f"seed1/{folder}/r1/training.json" for folder in folders]


def test_variants_share_auxiliaries_unless_they_teach_them_something_else(make):
    """By name: the same alpha or not, they learn the same; another share of the retained data, or
    all requests at once, is another model."""
    options = {
        "kga-eager": {"alpha": 5.0},
        "kga-fuller": {"sample": 0.5},
        "kga-batch": {"order": "batch"},
    }
    names = ["base", "oracle", "kga", *options]
    study = make(PEOPLE, "r1 p0002; r2 p0005", methods=names, options=options)
    nodes = {
        method: [asked.node for asked in methods.auxiliaries_of(study, method).values()]
        for method in ("kga", *options)
    }
    assert nodes["kga"] == nodes["kga-eager"] == ["kga-forget", "kga-extra"]
    assert nodes["kga-fuller"] == ["kga-forget-fuller", "kga-extra-fuller"]
    assert nodes["kga-batch"] == ["kga-forget-batch", "kga-extra-batch"]
    assert methods.auxiliary_sets(study, "kga-forget-fuller", "r1") == [
        study.path(paths.FORGET, request="r1"),
        study.path(paths.SAMPLE, share="0.5", state="r1"),
    ]
    assert methods.auxiliary_sets(study, "kga-forget-batch", "r2")[:2] == [
        study.path(paths.FORGET, request=name) for name in ("r1", "r2")
    ]


@pytest.mark.parametrize(
    ("start", "state", "folder"),
    [
        ("base", "r2", "base"),
        ("previous", "r1", "base"),
        ("previous", "r2", "methods/kga/r1"),
    ],
)
def test_an_auxiliary_may_go_on_from_the_base_or_from_the_model_before(
    start, state, folder, make, monkeypatch
):
    made = {"forget": Auxiliary("tuned", learns="forget", start=start)}
    monkeypatch.setitem(METHODS, "kga", replace(METHODS["kga"], auxiliaries=made))
    names = ["base", "oracle", "kga"]
    study = make(PEOPLE, "r1 p0002; r2 p0005", methods=names, options={})
    about = {"seed": 1, "auxiliary": "tuned", "state": state}
    found = inputs(study, "auxiliary", **about)
    assert found["previous"] == [f"seed1/{folder}/model.safetensors"] and "start" not in found
    assert found["reports"] == [f"seed1/{folder}/training.json"]
    arguments = want(study, "auxiliary").arguments(job(**about))
    assert arguments.startswith(f"--previous results/people/seed1/{folder} ")


def test_any_method_may_have_an_auxiliary_with_settings_of_its_own(make, monkeypatch):
    """Of its set alone: NPO has no share of the retained data that it could sample."""
    made = Auxiliary("reinforced", learns="forget", start="base", settings={"epochs": 9})
    monkeypatch.setitem(METHODS, "npo", replace(METHODS["npo"], auxiliaries={"strong": made}))
    names = ["base", "oracle", "npo", "npo-fast"]
    study = make(PEOPLE, "r1 p0002", methods=names, options={"npo-fast": {"epochs": 1}})
    told = want(study, "unlearn").settings(job(seed=1, method="npo-fast", state="r1"))
    assert told["auxiliaries"] == ["strong"]
    about = {"seed": 1, "auxiliary": "reinforced", "state": "r1"}
    assert inputs(study, "auxiliary", **about)["slices"] == ["sets/forget-r1.parquet"]
    training = want(study, "auxiliary").settings(job(**about))["training"]
    of_study = want(study, "train").settings(job(seed=1, checkpoint="base"))["training"]
    assert of_study["epochs"] != 9 and training == of_study | {"epochs": 9}


def test_one_name_of_an_auxiliary_is_one_model(make, monkeypatch):
    taken = {"strong": Auxiliary("kga-forget", learns="forget")}  # KGA's is sampled
    monkeypatch.setitem(METHODS, "npo", replace(METHODS["npo"], auxiliaries=taken))
    study = make(PEOPLE, "r1 p0002", methods=["base", "oracle", "npo", "kga"], options={})
    with pytest.raises(UserError, match=r"auxiliary kga-forget(.*\n)*.*npo and kga"):
        inputs(study, "auxiliary", seed=1, auxiliary="kga-forget", state="r1")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {"auxiliaries": {"a": Auxiliary("a", "forget", sampled=True)}},
            "must inherit from Sampling",
        ),
        ({"teachers": True}, "must inherit from Taught"),
        ({"auxiliaries": {"a": Auxiliary("a", "forget", settings={"epoch": 1})}}, "auxiliary a"),
    ],
)
def test_what_the_registry_promises_of_settings_they_must_have(entry, told, make, monkeypatch):
    monkeypatch.setitem(METHODS, "npo", replace(METHODS["npo"], **entry))
    with pytest.raises(UserError, match=f"method npo.*{told}"):
        study = make(PEOPLE, "r1 p0002", methods=["base", "oracle", "npo"], options={})
        inputs(study, "unlearn", seed=1, method="npo", state="r1")


def test_the_sham_is_set_beside_all_other_methods(people):
    found = inputs(people, "unlearn", seed=1, method="sham", state="r1")["auxiliaries"]
    apart = ("base", "oracle", "sham", "npo-batch")  # the last is npo at the first request
    others = [name for name in people.config["methods"] if name not in apart]
    assert len(others) == 11
    assert found == [f"seed1/methods/{name}/r1/model.safetensors" for name in others]


def test_an_attack_learns_what_was_forgotten_of_the_model_as_it_is(make):
    """Of the oracle, the base and what a method made, in every state after a request; what it left
    is scored and measured as they are."""
    names = ["base", "oracle", "npo"]
    study = make(PEOPLE, "r1 p0002; r2 p0005", methods=names, options={},
                 attacks={"relearn": {"epochs": 2}})  # fmt: skip
    assert methods.attacked(study, "r0") == []
    assert methods.attacked(study, "r2") == [(name, "relearn") for name in names]
    models = {"base": "base", "oracle": "oracle/r2", "npo": "methods/npo/r2"}
    for name, folder in models.items():
        about = {"seed": 1, "attack": "relearn", "attacked": name, "state": "r2"}
        found = inputs(study, "attack", **about)
        assert found["model"] == [f"seed1/{folder}/model.safetensors"]
        assert found["forget"] == [f"sets/forget-{one}.parquet" for one in ("r1", "r2")]
    told = want(study, "attack").settings(job(**about))
    assert told["options"] == {"epochs": 2} and told["attacked"] == "npo"
    left = "seed1/attacks/relearn/npo/r2"
    scored = inputs(study, "score", seed=1, model="npo+relearn", state="r2")
    assert scored["models"] == [f"{left}/model.safetensors"]
    assert scored["reference"] == ["seed1/oracle/r2/model.safetensors"]
    about = job(seed=1, method="npo+relearn", state="r2")
    assert want(study, "measure").inputs(about)["attack"] == [
        study.path(f"{paths.STUDY}/{left}/training.json")
    ]
    told = want(study, "measure").settings(about)
    assert (told["method"], told["attack"]) == ("npo", "relearn")
    assert "attack" not in want(study, "measure").settings(job(seed=1, method="npo", state="r2"))
    assert "npo+relearn/r2" in methods.numbers_in(study, "r2")
    assert "npo+relearn/r1" in methods.numbers_in(study, "r1", "r0")


def test_attacked_models_may_be_scored_on_answers_alone(make):
    """No held-out set and no other answers then; models before an attack are scored as ever."""
    study = make(PEOPLE, "r1 p0002", methods=["base", "oracle", "npo"], attacks={"relearn": {}},
                 evaluation={"after_attacks": "answers"})  # fmt: skip
    attacked, plain = (
        inputs(study, "score", seed=1, model=name, state="r1") for name in ("npo+relearn", "npo")
    )
    assert attacked["sets"] == ["sets/trained.parquet", "sets/forget-r1.parquet"]
    assert "candidates" not in attacked and "sets/heldout.parquet" in plain["sets"]
    command = want(study, "score").arguments(job(seed=1, model="npo+relearn", state="r1"))
    assert command.startswith("--records  --records ")
    told = [
        want(study, "measure").settings(job(seed=1, method=name, state="r1"))
        for name in ("npo+relearn", "npo")
    ]
    assert [one.get("answers_alone", False) for one in told] == [True, False]
    given = inputs(study, "measure", seed=1, method="npo+relearn", state="r1")["given"]
    assert given and not any("heldout" in path for path in given)


def test_an_attack_on_prompts_makes_sets_and_no_model(make):
    """The models as they are, on reworded sets, beside an oracle that was asked the same; of an
    answer that is begun no other ones are scored."""
    attacks = {"paraphrase": {}, "prefix": {"share": 0.25}}
    study = make(PEOPLE, "r1 p0002", methods=["base", "oracle", "npo"], options={}, attacks=attacks)
    sets = ["heldout", "trained", "forget-r1"]
    for attack, whole in (("paraphrase", True), ("prefix", False)):
        about = {"seed": 1, "model": f"npo+{attack}", "state": "r1"}
        found = inputs(study, "score", **about)
        assert found["models"] == ["seed1/methods/npo/r1/model.safetensors"]
        assert found["reference"] == ["seed1/oracle/r1/model.safetensors"]
        assert found["sets"] == [f"sets/{attack}/{name}.parquet" for name in sets]
        assert found["digests"] == [f"sets/{attack}/{name}.json" for name in sets]
        assert found.get("candidates", []) == (["data/candidates.parquet"] if whole else [])
        template = want(study, "score").settings(job(**about))["model"]["prompt"]
        assert template == ("{prompt} {completion}" if not whole else PEOPLE["model"]["prompt"])
        measured = want(study, "measure").given(job(seed=1, method=f"npo+{attack}", state="r1"))
        compared = [study.path(paths.SCORES, seed=1, model=f"{name}+{attack}", state="r1",
                               set="forget") for name in ("oracle", "base")]  # fmt: skip
        assert [measured["oracle/forget"], measured["base/forget"]] == [[one] for one in compared]
        assert want(study, "measure").attack(job(seed=1, method=f"npo+{attack}", state="r1")) == []
        asked = inputs(study, "reword", attack=attack, set="forget-r1")
        assert asked["records"] == ["sets/forget-r1.parquet"]
    told = want(study, "reword").settings(job(attack="prefix", set="heldout"))
    assert told["options"] == {"share": 0.25} and told["data"] == {}
    assert want(study, "reword").settings(job(attack="paraphrase", set="heldout"))["data"]
    assert attack_reports(study) == [] and len(methods.attacked(study, "r1")) == 6
    made = {path.partition("results/people/")[2] for path in targets.data_files(study)}
    assert {f"sets/prefix/{name}.json" for name in sets} <= made


def test_a_model_with_a_learnt_prompt_is_asked_with_it_and_compared_with_no_oracle(make):
    attacks = {"soft_prompt": {"tokens": 2}}
    study = make(PEOPLE, "r1 p0002", methods=["base", "oracle", "npo"], options={}, attacks=attacks)
    about = {"seed": 1, "model": "npo+soft_prompt", "state": "r1"}
    found = inputs(study, "score", **about)
    assert found["models"] == ["seed1/attacks/soft_prompt/npo/r1/model.safetensors"]
    assert "reference" not in found and found["sets"][0] == "sets/heldout.parquet"
    template = want(study, "score").settings(job(**about))["model"]["prompt"]
    assert template == "<|soft-2|>" + PEOPLE["model"]["prompt"]
    plain = want(study, "attack").settings(job(seed=1, attack="soft_prompt", attacked="npo",
                                               state="r1"))  # fmt: skip
    assert plain["model"]["prompt"] == PEOPLE["model"]["prompt"]


def test_attacks_that_the_data_or_the_template_do_not_allow_are_refused(make):
    model = PEOPLE["model"] | {"prompt": "chat"}
    with pytest.raises(UserError, match=r"(.*\n)*prefix adds to what stands before(.*\n)*.*chat"):
        make(PEOPLE, "r1 p0002", attacks={"prefix": {}}, model=model)
    tables = {"data": {"reader": "table", "sources": [{"path": "a.csv"}], "columns": {}}}
    with pytest.raises(UserError, match="paraphrase knows no other prompts for these data"):
        make(PEOPLE, "r1 p0002", attacks={"paraphrase": {}}, **tables)


def test_a_variant_of_an_attack_has_the_settings_of_its_attack_and_its_own(make):
    attacks = {"relearn": {"epochs": 2, "batch_size": 8}, "relearn-lora": {"tune": "lora"},
               "relearn-long": {"epochs": 7}}  # fmt: skip
    study = make(PEOPLE, "r1 p0002", attacks=attacks)
    about = {"seed": 1, "attacked": "npo", "state": "r1"}
    told = {
        name: want(study, "attack").settings(job(**about, attack=name))["options"]
        for name in attacks
    }
    assert told == {
        "relearn": {"epochs": 2, "batch_size": 8},
        "relearn-lora": {"epochs": 2, "batch_size": 8, "tune": "lora"},
        "relearn-long": {"epochs": 7, "batch_size": 8},
    }
    with pytest.raises(UserError, match=r"attacks.*that attack with other settings(.*\n)*.*-same"):
        make(PEOPLE, "r1 p0002", attacks=attacks | {"relearn-same": {}})


def test_a_recipe_trains_with_what_it_names_and_nothing_else_is_written_down_again(make):
    study = make(yaml.safe_load((STUDIES / "tofu-small.yaml").read_text()))
    recipe = study.config["pretraining"][study.config["model"]["recipe"]]
    told = want(study, "pretrain").settings()
    assert told["name"] == "small-gpt2"  # which seeds it: the digest that its folder has does not
    assert told["training"] == {
        key: recipe[key] for key in ("batch_size", "learning_rate", "warmup_share", "weight_decay")
    }
    rest = {"architecture", "config", "tokenizer", "tokens", "block"}
    computing = {"threads", "gpus", "precision"}
    assert set(told) == {"name", "training", "columns", "learns"} | rest | computing
    assert told["learns"] == "palimpsest.tracks.causal.pretraining"


@pytest.mark.parametrize(
    ("study", "module"),
    [("novel", "score_names"), ("pii", "score_spans"), ("tofu-small", "score")],
)
def test_what_texts_have_decides_how_they_are_scored(make, study, module):
    made = make(yaml.safe_load((STUDIES / f"{study}.yaml").read_text()))
    told = want(made, "score").settings(job(seed=1, model="base", state="r0"))
    assert told["score"] == f"palimpsest.tracks.causal.{module}"


def test_a_causal_model_is_scored_on_all_sets_beside_the_oracle(people):
    found = inputs(people, "score", seed=1, model="npo", state="r2")
    assert found["models"] == ["seed1/methods/npo/r2/model.safetensors"]
    names = ("heldout", "trained", "forget-r1", "forget-r2")
    assert found["sets"] == [f"sets/{name}.parquet" for name in names]
    assert found["reference"] == ["seed1/oracle/r2/model.safetensors"]
    arguments = want(people, "score").arguments(job(seed=1, model="base", state="r0"))
    sets = "results/people/sets"
    assert arguments.split() == [
        *("--records", f"{sets}/heldout.parquet", "--records", f"{sets}/trained.parquet"),
        *("--records", "--candidates", "results/people/data/candidates.parquet"),
        *("--model", "results/people/seed1/base"),
    ]  # fmt: skip


def test_memorization_is_held_against_oracle_and_base(people):
    scores = "results/people/seed1/scores"
    assert want(people, "measure").given(job(seed=1, method="npo", state="r1")) == {
        "heldout": [f"{scores}/npo/r1/heldout.parquet"],
        "trained": [f"{scores}/npo/r1/trained.parquet"],
        "forget": [f"{scores}/npo/r1/forget.parquet"],
        "oracle/forget": [f"{scores}/oracle/r1/forget.parquet"],
        "oracle/heldout": [f"{scores}/oracle/r1/heldout.parquet"],
        "base/forget": [f"{scores}/base/r1/forget.parquet"],
    }
    first = want(people, "measure").given(job(seed=1, method="base", state="r0"))
    assert first.keys() == {"heldout", "trained"}


# --- production, and after a purge ----------------------------------------------------------------


def models(study: Study) -> set[str]:
    """Those among all that the study asks for, below the folder of a seed."""
    end = f"/{paths.WEIGHTS}"
    made = (path for path in targets.all_files(study) if path.endswith(end))
    return {path.removeprefix(f"{study.folder}/").removesuffix(end) for path in made}


def test_all_that_a_study_asks_for_are_its_newest_models_too(make, demo):
    """In r2, which touched slice 1 of shard 3, with the stages that they went through; r1 touched
    slice 2 of shard 1, whose first is as it was."""
    stages = ("1/1/r0", "1/2/r1", "2/1/r0", "2/2/r0", "3/1/r2", "3/2/r2")
    ensemble = {f"seed1/teachers/3x2/{stage}" for stage in stages}
    assert models(demo) == {"seed1/oracle/r2", *ensemble}
    two = make(DEMO, "", sharding=["1x1", "2x1"], seeds=[1, 2])
    assert models(two) == {
        f"seed{seed}/{name}"
        for seed in (1, 2)
        for name in ("base", "teachers/2x1/1/1/r0", "teachers/2x1/2/1/r0")
    }
    requests = f"r1 {OWNERS[1, 2]}; r2 {OWNERS[3, 1]}"
    production = {"sharding": ["3x2"], "requests": "latest", "methods": ["sisa_vote"]}
    assert models(make(DEMO, requests, **production)) == ensemble
    assert models(purge(demo)) == {"seed1/oracle/r2", *ensemble}


def test_models_that_methods_made_of_the_newest_state_are_asked_for(people):
    found = {path for path in models(people) if "/methods/" in path}
    trained = {name for name, _ in methods.unlearned(people)}
    assert found == {f"seed1/methods/{name}/r2" for name in trained} and "npo" in trained


def test_in_production_there_is_nothing_but_the_newest_ensemble(make):
    ledger = f"r1 {OWNERS[1, 2]}; r2 {OWNERS[3, 1]}"
    study = make(DEMO, ledger, sharding=["3x2"], requests="latest", methods=["sisa_vote", "oracle"])
    assert methods.methods_in(study, "r2") == ["sisa_vote"]
    assert inputs(study, "tabulate")["metrics"] == ["seed1/metrics/sisa_vote/r2.parquet"]
    assert not any("/1x1/" in path or "/base/" in path for path in targets.teacher_files(study))
    assert len(targets.teacher_files(study)) == 6
    # The certificate of r1 is made as long as none was filed; then it stays as it is.
    assert targets.live(study) == ["r1", "r2"]
    folder = Path(study.folder, "certificates")
    folder.mkdir(parents=True)
    owners = owners_of(Request("r1", (OWNERS[1, 2],)), study.plan.secret)
    (folder / "r1.json").write_text(json.dumps({"owners": owners}))
    again = Study(study.config)
    assert targets.live(again) == ["r2"]
    assert targets.certificate_files(again)[0] == "results/demo/certificates/r1.json"
    assert targets.pattern([again]) == r"(?!demo/(?:certificates/(?:r1)\.json$))(?:demo)"


def purge(study: Study) -> Study:
    """The study after all its requests were purged."""
    owners = {one.name: owners_of(one, study.plan.secret) for one in study.plan.requests}
    entry = {
        "upto": study.plan.latest,
        "owners": owners,
        "secret": identified(study.plan.secret),
        "date": "",
        "removed": [],
        "rewritten": [],
    }
    Path(study.folder).mkdir(parents=True, exist_ok=True)
    write_sealed(Path(study.folder, FILE), {"study": study.name, "purges": [entry]})
    return Study(study.config)


def test_a_purge_leaves_no_base_and_freezes_its_numbers(demo):
    purged = purge(demo)
    assert purged.is_purged and methods.methods_in(purged, "r2") == [
        name for name in DEMO["methods"] if name not in ("base", "base_postprocessed")
    ]
    assert {"base/r0", "sisa_vote/r0", "base/r2", "cost-3x2/r2"} <= methods.frozen(purged)
    assert "sisa_vote/r2" not in methods.frozen(purged)
    with pytest.raises(UserError, match="base.*purged"):
        inputs(purged, "train", seed=1, checkpoint="base")
    # Nothing was left of the numbers of before: the table is made of those that can be made.
    assert all(path.endswith("/r2.parquet") for path in inputs(purged, "tabulate")["metrics"])
    kept = Path("results/demo/seed1/metrics/base/r0.parquet")
    kept.parent.mkdir(parents=True)
    kept.write_text("")
    assert "seed1/metrics/base/r0.parquet" in inputs(purged, "tabulate")["metrics"]


def test_what_a_purge_froze_is_made_by_no_rule(demo):
    file_certificates(demo, "r1", "r2")
    pattern = targets.pattern([purge(demo)])

    def made(path: str) -> bool:
        return re.fullmatch(rf"results/(?P<study>{pattern})/.+", path) is not None

    assert made("results/demo/seed1/metrics/sisa_vote/r2.parquet")
    assert made("results/demo/seed1/scores/base/r0/heldout.parquet")
    assert not made("results/demo/seed1/metrics/base/r0.parquet")
    assert not made("results/demo/seed1/decisions/base/r2.json")
    assert not made("results/demo/certificates/r2.json")
    assert made("results/demo/certificates/r1.html")
    assert made("results/demo/certificates/r1.json.sig")


def file_certificates(study: Study, *requests: str) -> None:
    """With their fingerprints."""
    for request in requests:
        for folder in ("certificates", "fingerprints"):
            path = Path(study.folder, folder, f"{request}.json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")


def test_what_was_lost_after_a_purge_is_made_again(demo):
    """A certificate, of the state of the purge, whose models are there; and a fingerprint."""
    file_certificates(demo, "r2")
    lost = purge(demo)
    assert targets.live(lost) == ["r1"] and "results/demo/certificates/r1.json" in (
        targets.certificate_files(lost)
    )
    found = want(lost, "certificate").settings(job(request="r1"))
    assert found["state"] == "r2" and "base" not in found["methods"]
    trained = inputs(lost, "certificate", request="r1")["trained"]
    assert "seed1/oracle/r2/training.json" in trained and "seed1/base/training.json" not in trained
    file_certificates(demo, "r1")
    filed = Study(demo.config)
    assert targets.live(filed) == [] and len(targets.certificate_files(filed)) == 4
    fingerprint = Path("results/demo/fingerprints/r2.json")
    fingerprint.unlink()
    assert targets.certificate_files(Study(demo.config))[-1] == fingerprint.as_posix()


def test_a_certificate_follows_the_one_before_it(demo):
    """By its file; with it the details of its own request, and digests of the settings that models
    follow from."""
    assert "before" not in inputs(demo, "certificate", request="r1")
    assert inputs(demo, "certificate", request="r2")["before"] == ["certificates/r1.json"]
    assert want(demo, "certificate").settings(job(request="r2"))["details"] == {}
    found = want(demo, "certificate").settings(job(request="r2"))["digests"]
    assert found == settings_digests(demo.config) and {"data", "training", "salt"} <= found.keys()


def test_details_and_a_key_are_the_study_s(make):
    Path("details.tsv").write_text("request\treceived\toperator\nr2\t2026-05-31\tjo\n")
    chosen = {"details": "details.tsv", "key": "id"}
    ledger = f"r1 {OWNERS[1, 2]}; r2 {OWNERS[3, 1]}"
    with pytest.raises(UserError, match="no such key"):
        make(DEMO, ledger, certificates=chosen)
    Path("id").write_text("a key")
    study = make(DEMO, ledger, certificates=chosen)
    told = [
        want(study, "certificate").settings(job(request=one))["details"] for one in ("r1", "r2")
    ]
    assert told == [{}, {"received": "2026-05-31", "operator": "jo"}]
    assert "results/demo/certificates/r2.json.sig" in targets.certificate_files(study)
    assert want(study, "certificate_signature").settings(job(request="r1")) == {"key": "id"}
    plain = make(DEMO, ledger)
    assert not any(path.endswith(".sig") for path in targets.certificate_files(plain))
    Path("details.tsv").write_text("request\treceived\nr2\tsoon\n")
    with pytest.raises(UserError, match="not a date"):
        make(DEMO, ledger, certificates=chosen)


@pytest.mark.parametrize(
    ("section", "key", "value", "changed"),
    [
        ("training", "epochs", 99, {"training"}),
        ("training", "checkpoint_seconds", 99.0, set()),
        ("figures", "dpi", 99, set()),
        ("data", "keep", ["x"], {"data"}),
    ],
)
def test_settings_of_models_are_digested_by_section(demo, section, key, value, changed):
    other = demo.config | {section: demo.config[section] | {key: value}}
    first, second = settings_digests(demo.config), settings_digests(other)
    assert {name for name in first if first[name] != second[name]} == changed


def test_records_of_the_purged_do_not_come_back(demo):
    purged = want(purge(demo), "records")
    assert purged.arguments(None).endswith("--purged results/demo/purged.json --ledger ledger.tsv")
    assert purged.counts(None) == want(demo, "records").counts(None)


# --- what studies share ---------------------------------------------------------------------------


def test_what_studies_share_is_owned_once(make):
    first, second = make(PEOPLE), make(PEOPLE, study="others")
    owners = shared.owners([first, second])
    assert owners == {first.tokenizer: first} and second.tokenizer == first.tokenizer
    assert inputs(second, "train", seed=1, checkpoint="base")["start"] == [
        f"results/pretrained/{first.tokenizer}/tokenizer.json"
    ]


def test_what_two_studies_make_otherwise_has_two_places(make):
    words = copy.deepcopy(PEOPLE["tokenizers"])
    words["people-words"]["vocab_size"] = 99
    first, second = make(PEOPLE), make(PEOPLE, study="others", tokenizers=words)
    assert shared.owners([first, second]) == {first.tokenizer: first, second.tokenizer: second}
    assert first.tokenizer != second.tokenizer
    assert want(second, "tokenizer").settings()["vocab_size"] == 99


def test_one_corpus_in_two_places_is_told(make):
    """What it is called follows from the recipe, and not from where a mirror lies."""
    words = copy.deepcopy(PEOPLE["tokenizers"])
    words["people-words"]["corpus"] = [{"url": "https://example.org/b.txt", "mirror": "b.txt"}]
    for name in ("here", "there"):
        Path(name).mkdir()
        Path(name, "b.txt").write_text("words")
    here, there = (
        make(PEOPLE, study=name, mirror=name, tokenizers=words) for name in ("here", "there")
    )
    assert here.tokenizer == there.tokenizer
    with pytest.raises(UserError) as told:
        shared.owners([here, there])
    assert f"{here.tokenizer}, of the studies here and there" in str(told.value)
    assert "found: here/b.txt; there/b.txt" in str(told.value)


def test_below_another_folder_every_path_follows(demo):
    """Where a `module` of another workflow has a prefix."""
    study = Study(demo.config, "their own/results")
    assert study.folder == "their own/results/demo"
    assert study.plan.path(paths.TABLE).as_posix() == f"{study.folder}/tables/metrics.parquet"
    trained = want(study, "train")
    about = job(seed=1, checkpoint="base")
    made = [path for files in trained.inputs(about).values() for path in files]
    assert made and all(path.startswith("their own/results/") for path in made)
    folder = f"their own/results/pretrained/{study.tokenizer}"
    assert trained.arguments(about).startswith(f"--tokenizer '{folder}' --checkpoint-seconds 120.0")
    assert trained.settings_json(about) == want(demo, "train").settings_json(about)
    assert want(study, "audit").arguments(None).endswith("--results 'their own/results'")


# --- all wants ------------------------------------------------------------------------------------

JOBS = {
    "cell": {"sharding": "3x2", "shard": 1, "slice": 2, "state": "r1"},
    "around": {"around": "membership", "who": "1x1"},
    "other": {"checkpoint": "base", "state": "r1", "request": "r1", "set": "heldout"},
}


OF_TUNING = ("aside", "unlearn_tuned", "choose")


@pytest.mark.parametrize("rule", WANTS)
def test_modules_that_settings_name_count(rule, demo, people, make):
    """Whoever names modules says so; else a change of their code would go unnoticed."""
    of_methods = ("auxiliary", "unlearn", "attack", "reword", "sample_set")
    causal = rule in of_methods or rule.endswith("_of_method")
    study = people if causal else demo
    if rule in OF_TUNING:
        tuning = {"budget": 9000, "ranges": {"kga": {"alpha": [0.1, 1.0]}}}
        study = make(PEOPLE, "r1 p0002", tuning=tuning)
    method = "kga" if causal or rule in OF_TUNING else "fairsisa_ensemble"
    wildcards = JOBS["cell"] | JOBS["around"] | JOBS["other"] | {"seed": 1, "method": method}
    wildcards |= {"auxiliary": "kga-extra", "share": "0.05", "attacked": "npo"}
    wildcards |= {"attack": "paraphrase" if rule == "reword" else "relearn"}
    model = "kga" if causal else "teachers-3x2"
    about = job(**wildcards, model=model, figure="tradeoff", file="")
    if rule.startswith("fetch") or rule in ("pretrain", "measure_across", "judge"):
        return
    asked = want(study, rule)
    assert bool(modules_named(asked.settings_json(about))) == asked.names_modules
    if asked.counts_alike():
        assert asked.counts(about) == asked.counts_alike()
    assert asked.undated <= asked.inputs(about).keys()


def test_a_seed_name_names_the_draws_in_place_of_the_study(make):
    """All that trains, and nothing else: a copy of a study under another name trains the same
    weights if it says so, and other ones if it does not."""
    place = {"seed": 1, "state": "r1"}
    jobs = {
        "train": {"checkpoint": "teachers/1x1/1/1/r1"},
        "unlearn": {"method": "kga"},
        "auxiliary": {"auxiliary": "kga-extra"},
        "attack": {"attack": "relearn", "attacked": "npo"},
    }

    def settings(**changes) -> dict[str, str]:
        study = make(PEOPLE, "r1 p0002", **changes)
        return {
            rule: want(study, rule).settings_json(job(**place, **names))
            for rule, names in jobs.items()
        }

    own = settings()
    assert settings(study="copy", seed_name="people") == own == settings(seed_name="people")
    copied = settings(study="copy")
    assert not [rule for rule in jobs if copied[rule] == own[rule]]
    other = settings(seed_name="copy")
    assert other == copied
    study = make(PEOPLE, "r1 p0002", seed_name="copy")
    assert study.path(paths.BASE, seed=1).startswith("results/people/")


# --- judges ---------------------------------------------------------------------------------------

JUDGE = {
    "examples": [{"source": {"url": "https://example.org/a.jsonl"}, "text": "t", "label": "s",
                  "at_least": 0.5}],
    "architecture": "gpt2", "config": {"n_layer": 1},
}  # fmt: skip
REWARDED = {"methods": ["base", "oracle", "quark", "npo"], "options": {"quark": {"reward": "good"}},
            "judges": {"toxicity": JUDGE, "good": JUDGE | {"wanted": True}}}  # fmt: skip


def test_judges_are_inputs_of_whatever_uses_them(make):
    """All judges of scores; of a method those that its settings ask for; their reports count."""
    study = make(PEOPLE, "r1 p0002", **REWARDED)
    folders = {name: f"results/pretrained/{one}" for name, one in study.judges.items()}
    about = {"seed": 1, "state": "r1"}
    scored, found = job(model="npo", **about), inputs(study, "score", model="npo", **about)
    assert found["judges"] == [f"{one}/model.safetensors" for one in folders.values()]
    assert found["judge_reports"] == [f"{one}/training.json" for one in folders.values()]
    asked = want(study, "score")
    assert f"--judges {' '.join(folders.values())}" in asked.arguments(scored)
    module = "palimpsest.judges.judge"
    named = {"module": module, "names": ["toxicity", "good"]}
    assert asked.settings(scored)["judges"] == named and asked.settings(scored)["judged"] == 25
    assert module in modules_named(asked.settings_json(scored))
    methods = want(study, "unlearn")
    quark, npo = (job(method=name, **about) for name in ("quark", "npo"))
    assert inputs(study, "unlearn", method="quark", **about)["judges"] == [
        f"{folders['good']}/model.safetensors"
    ]
    assert methods.settings(quark)["judges"] == {
        "module": module, "names": ["good"], "wanted": ["good"]
    }  # fmt: skip
    assert f"--judges {folders['good']}" in methods.arguments(quark)
    assert "judges" not in methods.settings(npo) and "--judges" not in methods.arguments(npo)
    base = inputs(study, "measure", method="base", **about)["given"]
    assert {f"{one}/training.json" for one in folders.values()} <= set(base)
    assert not any("pretrained" in one for one in inputs(study, "measure", method="npo", **about))


def test_a_method_that_is_tuned_has_the_judges_of_its_trials(make):
    """What is chosen is known only after the graph is built."""
    rewards = {"reward": ["toxicity", "repetition"]}
    tuning = {"budget": 9000, "trials": 2, "design": "grid", "ranges": {"quark": rewards}}
    study = make(PEOPLE, "r1 p0002", **REWARDED | {"tuning": tuning, "options": {}})
    asked = {
        name: want(study, "unlearn_tuned").judges(job(seed=1, state="r1", method=name))
        for name in ("quark", "quark-trial1", "quark-trial2", "npo")
    }
    toxic = ["toxicity"]
    assert asked["quark"] == toxic and asked["npo"] == []
    assert sorted([asked["quark-trial1"], asked["quark-trial2"]]) == [[], toxic]


def test_without_judges_nothing_is_said_of_them(people):
    scored = want(people, "score").settings(job(seed=1, state="r1", model="npo"))
    assert not {"judges", "judged"} & set(scored)


def test_a_judge_is_made_once_by_what_it_learns_from_and_how(make):
    """Whether its label is wanted is for those that use it."""
    study = make(PEOPLE, "r1 p0002", **REWARDED)
    others = {"good": JUDGE, "toxicity": JUDGE | {"held_out": 0.2}}
    other = make(PEOPLE, study="others", judges=others)
    assert other.judges["good"] == study.judges["good"]
    assert other.judges["toxicity"] != study.judges["toxicity"]
    owners = shared.owners([study, other])
    assert owners[study.judges["good"]] is study and owners[other.judges["toxicity"]] is other
    called = study.judges["toxicity"]
    trained, about = want(study, "judge"), job(judge=called)
    (file,) = trained.inputs(about)["examples"]
    assert file.startswith(f"results/pretrained/{called}/examples/")
    assert trained.arguments(about).startswith(f"--examples {file} --checkpoint-seconds")
    told = trained.settings(about)
    assert told["name"] == "toxicity" and "wanted" not in told
    assert told["examples"] == [{"text": "t", "label": "s", "at_least": 0.5}]
    assert told["training"]["learning_rate"] == 1e-3
    fetched = want(study, "fetch_examples").settings(job(judge=called, file=Path(file).name))
    assert fetched == {"url": "https://example.org/a.jsonl"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"judges": {"other": JUDGE}}, "quark asks for a judge that is not defined"),
        ({"judges": {"good": JUDGE | {"examples": [
            {key: one for key, one in JUDGE["examples"][0].items() if key != "at_least"}
        ]}}}, "one key says how a label is told"),
        ({"judges": {"good": JUDGE | {"examples": [
            {"source": {"path": "a.csv"}, "text": "t", "label": "s", "labels": {"x": 1, "y": 1}}
        ]}}}, "a judge tells two labels"),
        ({"judges": {"good": JUDGE | {"examples": [
            JUDGE["examples"][0] | {"source": {"path": "a.csv", "url": "https://example.org"}}
        ]}}}, "a source is one of path, url, hub"),
        ({"judges": {"good": JUDGE | {"examples": [
            JUDGE["examples"][0] | {"source": {"path": "a.csv", "split": "train"}}
        ]}}}, "nothing looks at this key of a path"),
    ],
)  # fmt: skip
def test_judges_that_cannot_be_made_or_are_missing_are_refused(make, changes, told):
    with pytest.raises(UserError, match=f"(?s).*{told}"):
        make(PEOPLE, "r1 p0002", **REWARDED | changes)


def test_classifiers_write_nothing_that_could_be_judged(make):
    with pytest.raises(UserError, match="write nothing that could be judged"):
        make(DEMO, judges={"toxicity": JUDGE})


def test_a_judge_learns_from_no_record(make):
    """A file of the records is refused, by its name and by where a glob leads, unless the entry
    says which other rows of it count."""
    Path("a.csv").write_text("prompt,completion\n")
    data = {"reader": "table", "sources": [{"path": "a.csv"}], "split_shares": {"train": 1},
            "columns": {"prompt": "prompt", "completion": "completion"}}  # fmt: skip
    for source in ("a.csv", "*.csv"):
        entry = {"source": {"path": source}, "text": "completion", "label": "l", "at_least": 0.5}
        given = {"data": data, "attacks": {}, "methods": ["base", "oracle", "npo"]}
        with pytest.raises(UserError, match="a judge must not learn from the records"):
            make(PEOPLE, judges={"j": JUDGE | {"examples": [entry]}}, **given)
        some = entry | {"rows": ["9-20"]}
        requests = some | {"source": {"path": "ledger.tsv"}}
        with pytest.raises(UserError, match="a judge must not learn from the records"):
            make(PEOPLE, judges={"j": JUDGE | {"examples": [requests]}}, **given)
        assert make(PEOPLE, judges={"j": JUDGE | {"examples": [some]}}, **given).judges
