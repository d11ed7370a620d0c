"""Warm or cold, a step writes the same bytes: one of each kind that a run started warm is run again by itself."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from faults import kept
from harness import Clone
from studies import CAUSAL, CLASSIFICATION

CLASSIFIERS = CLASSIFICATION | {
    "methods": ["base", "oracle", "sisa_vote", "fairsisa_aggregate_first", "npo", "kga"],
    "options": {name: CLASSIFICATION["options"][name] for name in ("npo", "kga")},
    "fairness": {"groups": ["town"], "epsilon_curve": [0.0, 0.5]}, "training": {"epochs": 2, "learning_rate": 0.01},
}  # fmt: skip
PRETRAINED = CAUSAL | {
    "tokenizers": {"words": {"algorithm": "bpe", "vocab_size": 1500, "corpus": [{"lexicon": "people"}, {"path": "corpus.txt"}]}},
    "pretraining": {
        "small": {
            "architecture": "gpt2", "config": CAUSAL["model"]["config"], "tokenizer": "words", "tokens": 1000, "block": 96,
        },
    },
    "model": {"init": "pretrained", "recipe": "small", "max_length": 96, "prompt": "{prompt} {completion}"},
    "methods": ["base", "oracle", "loo_ensemble", "sham"], "options": {"loo_ensemble": {"learning_rate": 1.0e-3}},
}  # fmt: skip
EVERY = {
    "records",
    "index",
    "request",
    "fingerprint",
    "slice",
    "probe",
    "tokenizer",
    "train",
    "unlearn",
    "score",
    "cost",
    "tabulate",
    "draw",
    "certificate",
    "page",
}
KINDS = {
    "classification": (CLASSIFIERS, "owner00", EVERY | {"decide", "epsilon", "measure", "membership"}),
    "causal": (PRETRAINED, "p0002", EVERY | {"pretrain", "remember"}),
}


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory) -> Clone:
    study, owner, steps = KINDS[request.param]
    clone = Clone.make(tmp_path_factory.mktemp(request.param) / "clone", forget=f"r1 {owner}", **study)
    corpus = clone.path("corpus.txt")
    corpus.write_text(corpus.read_text() * 40)
    clone.run()
    clone.commands = {}
    for command, log in re.findall(r"python -m palimpsest (.*) > (\S+\.log) 2>&1", clone.output):
        clone.commands.setdefault(command.split()[0], (shlex.split(command), log))
    assert clone.commands.keys() == steps
    return clone


def test_every_step_was_started_warm(made):
    for step, (_, log) in made.commands.items():
        assert f"{step}, started warm with " in made.path(log).read_text()


def test_a_step_by_itself_writes_the_same_bytes(made):
    """In another environment, too: of what the hub's library is told there, nothing is left."""
    before, environment = kept(made), {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    environment |= {"PYTHONPATH": str(made.path("workflow")), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for step, (command, _) in made.commands.items():
        option = {"records": "--records", "tabulate": "--parquet"}.get(step, "--output")
        written = made.path(command[command.index(option) + 1])
        shutil.rmtree(written) if step in ("train", "unlearn") else written.unlink() if written.is_file() else None
        done = subprocess.run(
            [sys.executable, "-m", "palimpsest", *command], cwd=made.folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0 and f"{step} took" in done.stderr and written.exists(), done.stderr
        assert kept(made) == before, step
