"""Sources and starts on this disk: they count by their content, not by their dates, and not by
where a mirror lies."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from harness import DATA, STUDY, Clone, make_start, steps
from palimpsest.study.load import check_study
from palimpsest.study.recipes import tokenizer_of

LEAN = {
    "requests": "latest",
    "ledger": None,
    "methods": ["sisa_vote"],
    "groups": {},
    "fairness": {},
    "sharding": ["1x2"],
}
TRAINED = {f"train/seed1/teachers/1x2/1/{stage}/r0" for stage in (1, 2)}


def test_a_mirror_in_another_place_runs_nothing(tmp_path):
    """Records and tokenizer are made from files of the mirror; then it moves, and then one of its
    files has another line."""
    address = "https://example.org"
    changes = {
        "mirror": "mirror",
        "data": STUDY["data"] | {"sources": [{"url": f"{address}/a.csv", "mirror": "posts.csv"}]},
        "tokenizers": {
            "words": STUDY["tokenizers"]["words"]
            | {"corpus": [{"url": f"{address}/b.txt", "mirror": "corpus.txt"}]}
        },
    }
    tokenizer = tokenizer_of(check_study(STUDY | changes, "study.yaml"))
    asked = ("data", f"results/pretrained/{tokenizer}/tokenizer.json")
    clone = Clone.make(tmp_path / "clone", **LEAN | changes)
    clone.path("mirror").mkdir()
    for name in ("posts.csv", "corpus.txt"):
        clone.path(name).rename(clone.path(f"mirror/{name}"))
    made = clone.run(*asked)
    assert {"records", f"{tokenizer}/tokenizer"} < made
    clone.path("mirror").rename(tmp_path / "elsewhere")
    clone.change_study(mirror="../elsewhere")
    assert clone.jobs(*asked) == set()
    with open(tmp_path / "elsewhere/corpus.txt", "a", encoding="utf-8") as file:
        file.write("another\n")
    assert clone.jobs(*asked) == {f"{tokenizer}/tokenizer"}


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Clone:
    """A study whose teachers started from a model folder of the user's; its weights are larger than
    a megabyte."""
    clone = Clone.make(
        tmp_path_factory.mktemp("started") / "clone",
        **LEAN,
        tokenizers={},
        model={"init": "start", "max_length": 16},
    )
    make_start(clone.path("start"))
    clone.done = clone.run("teachers")
    return clone


@pytest.fixture
def clone(started, tmp_path) -> Clone:
    return started.copy(tmp_path / "clone")


def test_dates_of_a_start_run_nothing(clone, started):
    assert steps(started.done, "train") == TRAINED and not started.done - TRAINED - steps(
        started.done, *DATA
    )
    assert clone.path("start/model.safetensors").stat().st_size > 1_000_000
    for path in clone.path("start").iterdir():
        os.utime(path)
    assert clone.jobs("teachers") == set()


def test_what_is_trained_again_to_the_same_bytes_starts_nothing_after_it(clone):
    """Its model is larger than a megabyte, of which Snakemake sees the date alone; how long it took
    is another time than before."""
    clone.run()
    last = clone.path("results/tiny/seed1/teachers/1x2/1/2/r0")
    before = {path.name: path.read_bytes() for path in last.iterdir()}
    assert len(before["model.safetensors"]) > 1_000_000
    shutil.rmtree(last)
    assert clone.run("teachers") == {"train/seed1/teachers/1x2/1/2/r0"}
    after = {path.name: path.read_bytes() for path in last.iterdir()}
    assert [name for name in after if after[name] != before[name]] == [
        "run.json"
    ] and after.keys() == before.keys()
    assert clone.jobs() == set()


def test_every_file_of_a_start_that_is_loaded_counts(clone):
    """Dropout and pieces are read with the weights, so other ones give another model; what a README
    says does not."""
    for name, keys, value in (
        ("config.json", ("resid_pdrop",), 0.2),
        ("tokenizer.json", ("model", "unk_token"), "[MASK]"),
    ):
        path = clone.path(f"start/{name}")
        before = path.read_bytes()
        found = place = json.loads(before)
        for key in keys[:-1]:
            place = place[key]
        assert place[keys[-1]] != value
        place[keys[-1]] = value
        path.write_text(json.dumps(found))
        assert clone.jobs("teachers") == TRAINED, name
        path.write_bytes(before)
    clone.path("start/README.md").write_text("What this model is.")
    assert clone.jobs("teachers") == set()


def test_a_model_of_the_hub_is_what_its_commit_says_whatever_a_branch_does(clone):
    """The same weights in the hub's cache, and no network: the same bytes, since neither the place
    nor the name of a start seeds anything. Then the branch moves, then the study says so."""
    before = {name: digest for name, (digest, _) in clone.digests().items()}
    kept, old, new = clone.path(".cache/huggingface/hub/models--lab--small"), "0" * 40, "1" * 40
    for commit in (old, new):
        shutil.copytree(clone.path("start"), kept / "snapshots" / commit)
    config = kept / "snapshots" / new / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"resid_pdrop": 0.2}))
    clone.path("start").rename(clone.path("gone"))
    (kept / "refs").mkdir()
    (kept / "refs/main").write_text(old)
    clone.change_study(model={"init": "lab/small", "max_length": 16, "revision": old})
    assert clone.run("teachers") == TRAINED
    assert {name: digest for name, (digest, _) in clone.digests().items()} == before
    (kept / "refs/main").write_text(new)
    assert clone.jobs("teachers") == set()
    clone.change_study(model={"init": "lab/small", "max_length": 16})
    assert clone.snakemake("-n", "teachers") == 1
    assert f"write `revision: {new}`, which is what 'main' is in the cache" in clone.output
    clone.change_study(model={"init": "lab/small", "max_length": 16, "revision": new})
    assert clone.jobs("teachers") == TRAINED


def test_a_start_that_is_not_whole_is_refused_before_anything_runs(clone):
    weights = clone.path("start/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    assert clone.snakemake("-n", "teachers") == 1
    assert "start/model.safetensors: the file is damaged" in clone.output
    assert "Traceback" not in clone.output
