"""A track of one's own is one folder and one line: last_word/, beside this file, is trained,
unlearnt, scored, measured and drawn."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from harness import STUDY, Clone, steps

TRACKS = "workflow/palimpsest/tracks"
METHODS = ["base", "oracle", "gradient_difference", "npo"]
LAST_WORD = {
    "track": "last_word",
    "data": STUDY["data"] | {"columns": {"owner": "who", "text": "post", "split": "part"}},
    "groups": {},
    "fairness": {},
    "training": {"epochs": 8, "learning_rate": 0.01},
    "sharding": ["1x1"],
    "methods": METHODS,
    "options": {name: {"learning_rate": 1.0e-2} for name in METHODS[2:]},
}


def add(clone: Clone) -> None:
    """The folder and the line."""
    shutil.copytree(Path(__file__).with_name("last_word"), clone.path(f"{TRACKS}/last_word"))
    tracks = '("classification", "causal", "masked")'
    clone.edit(f"{TRACKS}/__init__.py", tracks, tracks.replace(")", ', "last_word")'))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Clone:
    folder = tmp_path_factory.mktemp("track") / "clone"
    clone = Clone.make(folder, forget="r1 owner00 owner01", **LAST_WORD)
    add(clone)
    clone.done = clone.run()
    return clone


def test_it_is_trained_unlearnt_scored_measured_and_drawn(made):
    of_r1 = {f"seed1/{name}/r1" for name in METHODS}
    assert steps(made.done, "train") == {"train/seed1/base", "train/seed1/oracle/r1"}
    assert steps(made.done, "unlearn") == {f"unlearn/seed1/{name}/r1" for name in METHODS[2:]}
    for step in ("score", "measure"):
        jobs = {f"{step}/{job}" for job in of_r1} | {f"{step}/seed1/base/r0"}
        assert steps(made.done, step) == jobs
    drawn = {"figures/frontier", "figures/profile"}
    assert steps(made.done, "figures") == drawn
    assert {"tabulate", "certificates/r1"} <= made.done
    for name in drawn:
        assert made.path(f"results/tiny/{name}.png").stat().st_size > 1000


def test_its_numbers_are_those_of_its_scores(made):
    """And a method that forgets gives forgotten last words less probability than the base."""
    table = pd.read_parquet(made.path("results/tiny/tables/metrics.parquet"))
    table = table[(table["seed"] == "all") & (table["metric"] == "probability")]
    told = table[table["request"] == "r1"].set_index(["method", "set"])["value"]
    scores = pd.read_parquet(made.path("results/tiny/seed1/scores/npo/r1/forget.parquet"))
    assert list(scores) == ["record_id", "sharding", "shard", "logp"] and len(scores) == 14
    assert told["npo", "forget"] == pytest.approx(
        scores["logp"].map(lambda x: 2.718281828**x).mean()
    )
    assert told["base", "forget"] > 2 * told["gradient_difference", "forget"]
    assert "Last words" in made.path("results/tiny/tables/summary.md").read_text()


def test_a_second_run_has_nothing_to_do(made):
    assert made.jobs() == set()


def test_editing_what_it_measures_scores_nothing(made, tmp_path):
    clone = made.copy(tmp_path / "clone")
    clone.edit(f"{TRACKS}/last_word/measure.py", "probability.mean()", "probability.median()")
    jobs = clone.jobs()
    assert steps(jobs, "measure") == steps(made.done, "measure")
    assert not steps(jobs, "train", "unlearn", "score")


def test_a_track_that_is_not_there_is_told(tmp_path):
    clone = Clone.make(tmp_path / "clone", **LAST_WORD)
    assert clone.snakemake("--dry-run") != 0
    assert "'last_word'" in clone.output and "classification, causal, masked" in clone.output
