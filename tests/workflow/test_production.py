"""A study in production (`requests: latest`): requests come, rows are taken out of the source, and
no model is trained in vain."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from harness import Clone, certified, owner_in, steps

# what r1, r2 and r3 touch in '2x3': the first slice of shard 1, the middle one of shard 2, the last
# one of shard 1
GONE = owner_in("2x3", 1, 1), owner_in("2x3", 2, 2), owner_in("2x3", 1, 3)
REQUESTS = "; ".join(f"r{number} {owner}" for number, owner in enumerate(GONE, 1))
# shard/stage -> state after r3
TEACHERS = {"1/1": "r1", "1/2": "r1", "1/3": "r3", "2/1": "r0", "2/2": "r2", "2/3": "r2"}
LEAN = {"requests": "latest", "sharding": ["2x3"], "methods": ["sisa_vote"], "fairness": {}}


def model(stage: str, state: str) -> str:
    return f"results/tiny/seed1/teachers/2x3/{stage}/{state}/model.safetensors"


@dataclass
class Story:
    """The jobs that ran, the models on disk and what was said, by stage of what befell the
    study."""

    clone: Clone
    jobs: dict = field(default_factory=dict)
    models: dict = field(default_factory=dict)
    said: dict = field(default_factory=dict)

    def then(self, name: str, *targets: str) -> None:
        self.jobs[name] = self.clone.run(*targets)
        self.models[name], self.said[name] = self.clone.digests(), self.clone.output


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    story = Story(Clone.make(tmp_path_factory.mktemp("production") / "clone", **LEAN))
    story.then("start")
    story.clone.write_ledger(REQUESTS)
    story.then("requests")
    story.clone.take_out(*GONE)
    story.then("data", "data")
    story.then("after")
    return story


def test_production_keeps_neither_base_nor_oracle(story):
    assert steps(story.jobs["start"], "train") == {
        f"train/seed1/teachers/2x3/{stage}/r0" for stage in TEACHERS
    }
    assert not any(
        word in job
        for jobs in story.jobs.values()
        for job in jobs
        for word in ("base", "oracle", "1x1", "forget")
    )


def test_requests_train_what_they_touch(story):
    """Three requests at once; every job, by hand: only teachers whose last stage is new are
    scored."""
    data = {
        f"{step}/{request}"
        for step in ("requests", "fingerprints")
        for request in ("r1", "r2", "r3")
    }
    data |= {f"slices/seed1/2x3/{part}" for part in ("1/1/r1", "2/2/r2", "1/3/r3")}
    train = {
        f"train/seed1/teachers/2x3/{stage}/{state}"
        for stage, state in TEACHERS.items()
        if state != "r0"
    }
    score = {f"score/seed1/teachers-2x3/{state}/heldout" for state in ("r2", "r3")}
    numbers = {"decide/seed1/sisa_vote/r3", "measure/seed1/sisa_vote/r3", "tabulate"}
    assert story.jobs["requests"] == data | train | score | numbers | certified("r1", "r2", "r3")


def test_rows_taken_out_of_the_source_train_nothing(story):
    """The forgotten owners' rows are gone from the file: `snakemake data`, then `snakemake`.
    Earlier certificates stay."""
    assert "records" in story.jobs["data"] and not steps(story.jobs["data"], "train", "score")
    # the held-out records are fewer, and all records are described anew
    scored = {"describe"} | {f"score/seed1/teachers-2x3/{state}/heldout" for state in ("r2", "r3")}
    numbers = {"decide/seed1/sisa_vote/r3", "measure/seed1/sisa_vote/r3", "tabulate"}
    # The newest fingerprint is looked at once more, and kept: its owners are the same.
    assert story.jobs["after"] == scored | numbers | certified("r3")
    assert story.models["after"] == story.models["requests"]
    assert story.clone.jobs() == set()


def test_a_changed_source_is_said_at_the_start(story):
    """Before a job runs, and with what to do; not when it has been taken in."""
    start, _, _ = story.said["data"].partition("Job stats")
    assert "source changed" in start and "posts.csv" in start and "snakemake data" in start
    assert not any("source changed" in story.said[name] for name in ("start", "requests", "after"))


def test_the_next_request_needs_nobody_who_left(story, tmp_path):
    """It finds the evidence of the earlier ones, whose owners the data no longer hold."""
    clone = story.clone.copy(tmp_path / "clone")
    owner = owner_in("2x3", 2, 3, skip=GONE)
    clone.write_ledger(f"{REQUESTS}; r4 {owner}")
    data = {"requests/r4", "slices/seed1/2x3/2/3/r4"}
    expected = data | {
        "fingerprints/r4",
        "train/seed1/teachers/2x3/2/3/r4",
        "score/seed1/teachers-2x3/r4/heldout",
    }
    assert clone.jobs() == expected | {
        "decide/seed1/sisa_vote/r4",
        "measure/seed1/sisa_vote/r4",
        "tabulate",
    } | certified("r4")
    assert clone.run("data") == data


def test_a_purge_leaves_the_ensemble_as_it_is_now(story, tmp_path):
    """Those of TEACHERS, by hand. The forgotten are known by what was taken while their text was
    there."""
    clone = story.clone.copy(tmp_path / "clone")
    assert clone.palimpsest("purge", "--yes") == 0, clone.output
    assert set(clone.digests()) == {model(stage, state) for stage, state in TEACHERS.items()}
    assert clone.palimpsest("audit", "--check") == 0 and "not known any more" not in clone.output
    assert clone.palimpsest("certificate", "check") == 0, clone.output
    assert clone.jobs() == set()


def test_a_damaged_certificate_is_named_while_the_graph_is_built(story, tmp_path):
    """It is an earlier request's, so that it is read to see whether it still holds; removed, it is
    made again."""
    clone = story.clone.copy(tmp_path / "clone")
    clone.path("results/tiny/certificates/r1.json").write_text("{")
    assert clone.snakemake("--dry-run") != 0
    assert (
        "certificates/r1.json: is damaged" in clone.output
        and "remove the file" in clone.output
        and "Traceback" not in clone.output
    )
    clone.path("results/tiny/certificates/r1.json").unlink()
    assert clone.jobs() == certified("r1")
    assert clone.run() == certified("r1") and clone.jobs() == set()
    assert clone.palimpsest("certificate", "check") == 0, clone.output


def test_a_later_request_is_not_told_of_owners_that_left_the_source(story, tmp_path):
    clone = story.clone.copy(tmp_path / "clone")
    clone.write_ledger(f"{REQUESTS}; r4 nobody")
    assert clone.snakemake("data") != 0
    assert "'nobody'" in clone.output and not any(owner in clone.output for owner in GONE)


def test_teachers_are_those_that_never_saw_the_owners(story, tmp_path):
    """Bit for bit, for a first, a middle and a last slice: SHA-256 of weights trained on data that
    never held the owners."""
    never = Clone.make(tmp_path / "clone", without=GONE, ledger=None, **LEAN)
    never.run("teachers")
    expected = {
        stage: digest for stage in TEACHERS for digest, _ in [never.digests()[model(stage, "r0")]]
    }
    digests = {name: digest for name, (digest, _) in story.models["requests"].items()}
    assert {stage: digests[model(stage, state)] for stage, state in TEACHERS.items()} == expected
    # had training not looked at its records, all this would hold as well
    assert all(
        digests[model(stage, "r0")] != expected[stage]
        for stage, state in TEACHERS.items()
        if state != "r0"
    )
    assert len(set(expected.values())) == len(TEACHERS)


def test_a_teacher_that_is_missing_is_trained_again(story, tmp_path):
    """Though all numbers are there; to the same bytes."""
    clone = story.clone.copy(tmp_path / "clone")
    assert clone.jobs() == set()
    missing = model("1/3", TEACHERS["1/3"])
    clone.path(missing).unlink()
    assert steps(clone.run(), "train") == {"train/seed1/teachers/2x3/1/3/r3"}
    assert clone.digests()[missing][0] == story.models["after"][missing][0]
