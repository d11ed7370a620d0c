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

from palimpsest.audit.purges import FILE, owners_of
from palimpsest.audit.sealed import write_sealed
from palimpsest.data.ledger import Request
from palimpsest.data.shards import place
from palimpsest.engine.asking import modules_named
from palimpsest.errors import UserError
from palimpsest.methods.contract import Auxiliary
from palimpsest.methods.registry import METHODS
from palimpsest.study import paths
from palimpsest.study.load import check_study
from palimpsest.study.study import Study
from palimpsest.study.wants import WANTS, figures, methods, shared, targets

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


def test_a_slice_needs_evidence_of_every_request_up_to_its_version(demo):
    cell = {"seed": 1, "sharding": "3x2", "shard": 3, "slice": 1}
    assert inputs(demo, "slice", **cell, version="r0") == {}
    assert inputs(demo, "slice", **cell, version="r2") == {
        "requests": ["requests/r1.json", "requests/r2.json"]
    }
    slice_ = want(demo, "slice")
    assert slice_.marks(job(**cell, version="r0")) == ["nobody"]
    assert slice_.marks(job(**cell, version="r2"))[0].startswith("1 owners, ")
    assert json.loads(slice_.told(job(**cell, version="r2"))) == {
        "salt": "palimpsest-demo", "seed": 1, "sharding": "3x2", "shard": 3, "slice": 1,
        "version": "r2",
    }  # fmt: skip


def test_whom_a_request_names_counts_and_where_the_ledger_lies_does_not(make):
    first = want(make(DEMO, "r1 u001"), "request")
    other = want(make(DEMO, "r1 u002"), "request")
    assert first.counts(job(request="r1")) != other.counts(job(request="r1"))
    Path("elsewhere.tsv").write_text(Path("ledger.tsv").read_text())
    moved = want(Study(other.config | {"ledger": "elsewhere.tsv"}), "request")
    assert moved.counts(job(request="r1")) == other.counts(job(request="r1"))
    assert moved.arguments(job(request="r1")) == "--ledger elsewhere.tsv"


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


# --- training -------------------------------------------------------------------------------------


def test_the_base_needs_all_data_and_a_tokenizer(demo):
    shard = "seed1/shards/1x1/1/1/r0"
    assert inputs(demo, "train", seed=1, checkpoint="base") == {
        "digests": [f"{shard}.json"],
        "slices": [f"{shard}.parquet"],
        "start": ["results/pretrained/forum-words/tokenizer.json"],
        "reports": ["results/pretrained/forum-words/corpus.json"],
    }
    assert want(demo, "train").arguments(job(seed=1, checkpoint="base")) == (
        "--tokenizer results/pretrained/forum-words --checkpoint-seconds 120.0"
    )


def test_a_later_stage_needs_the_stage_before_as_the_request_left_it(demo):
    """r1 touched slice 2 of shard 1: stage 1 of it is as it was."""
    assert inputs(demo, "train", seed=1, checkpoint="teachers/3x2/1/2/r1") == {
        "digests": ["seed1/shards/3x2/1/1/r0.json", "seed1/shards/3x2/1/2/r1.json"],
        "slices": ["seed1/shards/3x2/1/1/r0.parquet", "seed1/shards/3x2/1/2/r1.parquet"],
        "previous": ["seed1/teachers/3x2/1/1/r0/model.safetensors"],
        "reports": ["seed1/teachers/3x2/1/1/r0/training.json"],
    }


def test_settings_of_a_training_hold_what_it_uses_and_no_more(demo):
    told = json.loads(want(demo, "train").told(job(seed=1, checkpoint="teachers/3x2/1/2/r1")))
    assert {key: told[key] for key in ("sharding", "shard", "stage", "slices")} == {
        "sharding": "3x2", "shard": 1, "stage": 2, "slices": 2,
    }  # fmt: skip
    assert told["track"] == "palimpsest.tracks.classification.model"
    assert told["head"] == {"classes": 2}
    assert "checkpoint_seconds" not in told["training"]


# --- scores, decisions, numbers -------------------------------------------------------------------


def test_an_ensemble_is_read_version_by_version(demo):
    """After r2: shard 2 as it was, shard 1 of r1, shard 3 of r2."""
    assert inputs(demo, "epsilon", seed=1, sharding="3x2", method="fairsisa_ensemble", state="r2")[
        "scores"
    ] == [f"seed1/scores/teachers-3x2/{version}/heldout.parquet" for version in ("r0", "r1", "r2")]
    models = {
        version: inputs(demo, "score", seed=1, model="teachers-3x2", version=version, set="heldout")
        for version in ("r0", "r1", "r2")
    }
    teachers = {version: found["models"] for version, found in models.items()}
    assert teachers["r1"] == ["seed1/teachers/3x2/1/2/r1/model.safetensors"]
    assert teachers["r2"] == ["seed1/teachers/3x2/3/2/r2/model.safetensors"]
    assert len(teachers["r0"]) == 3
    assert models["r1"]["reports"] == ["seed1/teachers/3x2/1/2/r1/training.json"]


def test_a_method_decides_from_the_scores_that_it_needs(demo):
    def scores(method):
        return inputs(demo, "decide", seed=1, method=method, state="r1")["scores"]

    base, oracle = (
        "seed1/scores/base/r0/heldout.parquet",
        "seed1/scores/oracle/r1/heldout.parquet",
    )
    assert scores("base") == [base] == scores("base_postprocessed")
    assert scores("oracle") == [oracle]
    teachers = [f"seed1/scores/teachers-3x2/{version}/heldout.parquet" for version in ("r0", "r1")]
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
    scored = inputs(study, "score", seed=1, model="npo+relearn", version="r2")
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


def test_a_causal_model_is_scored_on_all_sets_beside_the_oracle(people):
    found = inputs(people, "score", seed=1, model="npo", version="r2")
    assert found["models"] == ["seed1/methods/npo/r2/model.safetensors"]
    names = ("heldout", "trained", "forget-r1", "forget-r2")
    assert found["sets"] == [f"sets/{name}.parquet" for name in names]
    assert found["reference"] == ["seed1/oracle/r2/model.safetensors"]
    arguments = want(people, "score").arguments(job(seed=1, model="base", version="r0"))
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
    owners = owners_of(Request("r1", (OWNERS[1, 2],)), study.config["salt"])
    (folder / "r1.json").write_text(json.dumps({"owners": owners}))
    again = Study(study.config)
    assert targets.live(again) == ["r2"]
    assert targets.certificate_files(again)[0] == "results/demo/certificates/r1.json"
    assert targets.pattern([again]) == r"(?!demo/(?:certificates/(?:r1)\.json))(?:demo)"


def purge(study: Study) -> Study:
    """The study after all its requests were purged."""
    owners = {one.name: owners_of(one, study.config["salt"]) for one in study.plan.requests}
    entry = {
        "upto": study.plan.latest,
        "owners": owners,
        "date": "",
        "removed": [],
        "rewritten": [],
    }
    Path(study.folder).mkdir(parents=True)
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
    pattern = targets.pattern([purge(demo)])

    def made(path: str) -> bool:
        return re.fullmatch(rf"results/(?P<study>{pattern})/.+", path) is not None

    assert made("results/demo/seed1/metrics/sisa_vote/r2.parquet")
    assert made("results/demo/seed1/scores/base/r0/heldout.parquet")
    assert not made("results/demo/seed1/metrics/base/r0.parquet")
    assert not made("results/demo/seed1/decisions/base/r2.json")
    assert not made("results/demo/certificates/r2.json")
    assert made("results/demo/certificates/r1.html")


def test_records_of_the_purged_do_not_come_back(demo):
    purged = want(purge(demo), "records")
    assert purged.arguments(None).endswith("--purged results/demo/purged.json --ledger ledger.tsv")
    assert purged.counts(None) == want(demo, "records").counts(None)


# --- what studies share ---------------------------------------------------------------------------


def test_what_studies_share_is_owned_once(make):
    first, second = make(PEOPLE), make(PEOPLE, study="others")
    owners = shared.owners([first, second])
    assert owners == {"people-words": first}
    assert inputs(second, "train", seed=1, checkpoint="base")["start"] == [
        "results/pretrained/people-words/tokenizer.json"
    ]


def test_two_meanings_of_one_name_are_told(make):
    words = copy.deepcopy(PEOPLE["tokenizers"])
    words["people-words"]["vocab_size"] = 99
    with pytest.raises(UserError) as told:
        shared.owners([make(PEOPLE), make(PEOPLE, study="others", tokenizers=words)])
    said = str(told.value)
    assert "results/pretrained/people-words, of the studies people and others" in said
    assert "vocab_size differ" in said


# --- all wants ------------------------------------------------------------------------------------

JOBS = {
    "cell": {"sharding": "3x2", "shard": 1, "slice": 2, "version": "r1"},
    "around": {"around": "membership", "who": "1x1"},
    "other": {"checkpoint": "base", "state": "r1", "request": "r1", "set": "heldout"},
}


@pytest.mark.parametrize("rule", WANTS)
def test_modules_that_settings_name_count(rule, demo, people):
    """Whoever names modules says so; else a change of their code would go unnoticed."""
    of_methods = ("auxiliary", "unlearn", "attack", "sample_set")
    causal = rule in of_methods or rule.endswith("_of_method")
    study = people if causal else demo
    method = "kga" if causal else "fairsisa_ensemble"
    wildcards = JOBS["cell"] | JOBS["around"] | JOBS["other"] | {"seed": 1, "method": method}
    wildcards |= {"auxiliary": "kga-extra", "share": "0.05", "attacked": "npo"}
    wildcards |= {"attack": "relearn"}
    model = "kga" if causal else "teachers-3x2"
    about = job(**wildcards, model=model, figure="tradeoff", file="")
    if rule.startswith("fetch") or rule == "pretrain":
        return
    asked = want(study, rule)
    assert bool(modules_named(asked.told(about))) == asked.names_modules
    if asked.counts_alike():
        assert asked.counts(about) == asked.counts_alike()
    assert asked.undated <= asked.inputs(about).keys()
