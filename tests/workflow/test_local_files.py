"""Sources and starts on this disk: they count by their content, not by their dates, and not by
where a mirror lies."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from harness import DATA, MARK, STUDY, Clone, steps

LEAN = {
    "requests": "latest",
    "ledger": None,
    "methods": ["sisa_vote"],
    "groups": {},
    "fairness": {},
    "sharding": ["1x2"],
}
TOKENIZER = "results/pretrained/words/tokenizer.json"
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
    clone = Clone.make(tmp_path / "clone", **LEAN | changes)
    clone.path("mirror").mkdir()
    for name in ("posts.csv", "corpus.txt"):
        clone.path(name).rename(clone.path(f"mirror/{name}"))
    made = clone.run("data", TOKENIZER)
    assert {"records", "words/tokenizer"} < made
    clone.path("mirror").rename(tmp_path / "elsewhere")
    clone.change_study(mirror="../elsewhere")
    assert clone.jobs("data", TOKENIZER) == set()
    with open(tmp_path / "elsewhere/corpus.txt", "a", encoding="utf-8") as file:
        file.write("another\n")
    assert clone.jobs("data", TOKENIZER) == {"words/tokenizer"}


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


def make_start(folder: Path) -> None:
    from palimpsest.models.classifier import make_classifier
    from palimpsest.models.making import save_model_folder
    from palimpsest.models.tokenizers import train_wordpiece

    tokenizer = train_wordpiece(
        [f"{MARK} kind warm fair calm vile foul grim daft here there away"], 60, True
    )
    sizes = {"n_layer": 1, "n_embd": 160, "n_head": 2, "resid_pdrop": 0.1}
    settings = {"init": "scratch", "architecture": "gpt2", "config": sizes, "max_length": 16}
    folder.mkdir()
    save_model_folder(make_classifier(settings, tokenizer, 2, "start"), tokenizer, folder)


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
