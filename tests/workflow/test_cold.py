"""Each kind of step, run again by itself: it writes the bytes that it wrote when a run started it
warm, and all that it runs counts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

import counting
from faults import kept
from harness import Clone
from palimpsest.attacks.registry import ATTACKS
from palimpsest.engine import provenance
from palimpsest.engine.warm import ONE_THREAD
from palimpsest.methods.registry import METHODS
from palimpsest.tracks import module_of
from studies import CAUSAL, CLASSIFICATION, JUDGES, OF_PAIRS, write_judged

# Whatever a model learns, the same code runs: two epochs of each training do.
SHORT = {"epochs": 2}
CLASSIFIERS = CLASSIFICATION | {
    "methods": ["base", "oracle", "sisa_vote", "fairsisa_aggregate_first", "npo", "kga"],
    "options": {name: CLASSIFICATION["options"][name] | SHORT for name in ("npo", "kga")},
    "fairness": {"groups": ["town"], "epsilon_curve": [0.0, 0.5]},
    "training": {"learning_rate": 0.01} | SHORT,
}
PRETRAINED = CAUSAL | {
    "tokenizers": {
        "words": {
            "algorithm": "bpe", "vocab_size": 1500,
            "corpus": [{"lexicon": "people"}, {"path": "corpus.txt"}],
        }
    },
    "pretraining": {
        "small": {
            "architecture": "gpt2", "config": CAUSAL["model"]["config"] | {"n_embd": 48},
            "tokenizer": "words", "tokens": 1000, "block": 96,
        },
    },
    "model": {
        "init": "pretrained", "recipe": "small", "max_length": 96,
        "prompt": "{prompt} {completion}",
    },
    "methods": ["base", "oracle", "loo_ensemble", "sham"],
    "options": {
        "loo_ensemble": {"learning_rate": 1.0e-3} | SHORT, "quark": {"reward": "vile"} | SHORT,
    },
    # the base must know what it is to forget, else nothing is measured
    "training": CAUSAL["training"] | {"epochs": 20, "learning_rate": 1.0e-2},
    "judges": JUDGES,
}  # fmt: skip
# What the studies above leave out of a track: the models and decisions of all other methods.
FURTHER = {
    "classification": {
        name: f"methods/{name}/r1/model.safetensors" if m.trains else f"decisions/{name}/r1.parquet"
        for name, m in METHODS.items()
        if "classification" in m.tracks and not (m.trains and m.teachers)
        if name not in CLASSIFIERS["methods"]
    },
    "causal": {
        name: f"methods/{name}/r1/model.safetensors"
        for name, m in METHODS.items()
        if m.trains and "causal" in m.tracks and name not in (*PRETRAINED["methods"], *OF_PAIRS)
    },
}
PARTS = ("model", "score", "memory", "measure", "summary")  # of a track
ATTACKED = {
    "causal": tuple(
        f"attacks/{name}/base/r1/model.safetensors"
        for name, attack in ATTACKS.items()
        if attack.on == "weights"
    ),
    "classification": (),
}
EVERY = {
    "records",
    "index",
    "describe",
    "request",
    "fingerprint",
    "slice",
    "subset",
    "tokenizer",
    "train",
    "unlearn",
    "score",
    "measure",
    "cost",
    "tabulate",
    "draw",
    "certify",
    "page",
}
# No module of a track or a reader is in these: what one track has shown of them, the other has.
ALIKE = {"index", "request", "fingerprint", "slice", "subset", "cost", "page"}
KINDS = {
    "classification": (
        CLASSIFIERS,
        "owner00",
        EVERY | {"decide", "epsilon", "membership"},
    ),
    "causal": (PRETRAINED, "p0002", EVERY | {"pretrain", "judge"}),
}
ATTACK_OPTIONS = {"relearn": SHORT, "quantize": {}, "soft_prompt": SHORT}


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory) -> Clone:
    study, owner, steps = KINDS[request.param]
    clone = Clone.make(
        tmp_path_factory.mktemp(request.param) / "clone", forget=f"r1 {owner}", **study
    )
    counting.trace(clone)
    corpus = clone.path("corpus.txt")
    corpus.write_text(corpus.read_text() * 40)
    write_judged(clone.folder)
    clone.run()
    clone.commands = {}
    for command, log in sorted(
        re.findall(r"python -m palimpsest (.*) > (\S+\.log) 2>&1", clone.output), reverse=True
    ):
        arguments = shlex.split(command)
        clone.commands.setdefault(kind_of(arguments), (arguments, log))
    assert clone.commands.keys() == steps
    run_further(clone, study, request.param)
    return clone


def run_further(clone: Clone, study: dict, track: str) -> None:
    """Each method that the study leaves out, and each attack; nothing is scored for it."""
    clone.track, further = track, FURTHER[track]
    options = {"classification": CLASSIFICATION, "causal": CAUSAL}[track]["options"]
    options = options | study["options"]
    clone.change_study(
        methods=[*study["methods"], *further],
        options={
            name: options.get(name, {}) | (SHORT if name != "depn" else {})
            for name in (*study["methods"], *further)
            if METHODS[name].trains and name != "sham"
        },
        **({"attacks": ATTACK_OPTIONS} if ATTACKED[track] else {}),
    )
    clone.run(*(f"results/tiny/seed1/{one}" for one in (*further.values(), *ATTACKED[track])))


def kind_of(arguments: list[str]) -> str:
    """The step; where it measures, the module that measures."""
    measurer = re.search(r'"measurer": "(?:\w+\.)+(\w+)"', " ".join(arguments))
    return measurer[1] if measurer else arguments[0]


def test_every_step_was_started_warm(made):
    for command, log in made.commands.values():
        assert f"{command[0]}, started warm with " in made.path(log).read_text()


@pytest.fixture(scope="module")
def again(made) -> Clone:
    """Each kind of step run again by itself, in another environment, too; on the way: it has
    written the same bytes."""
    before = kept(made)
    environment = {
        name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"
    } | ONE_THREAD
    environment |= {"PYTHONPATH": str(made.path("workflow"))}
    shown = ALIKE if made.track == "causal" else set()
    for step, (command, _) in made.commands.items():
        if step in shown:
            continue
        option = {"records": "--records", "tabulate": "--parquet"}.get(step, "--output")
        written = made.path(command[command.index(option) + 1])
        for path in [
            path
            for path in (written, *written.glob("*"))
            if path.is_file() and step not in ("tokenizer", "pretrain", "judge")
        ]:
            path.unlink()
        done = subprocess.run(
            [sys.executable, "-m", "palimpsest", *command],
            cwd=made.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and f"{command[0]} took" in done.stderr and written.exists(), (
            done.stderr
        )
        assert kept(made) == before, step
    return made


def test_a_step_by_itself_writes_the_same_bytes(again):
    """See what is asserted above."""


def test_all_that_ran_counts_in_the_digest_of_its_step(again):
    """In every job of the run and in those run again; each implementation is in one of them."""
    used = counting.traced(again)
    assert {modules[0].rpartition(".")[2] for modules in used} >= {
        command[0] for command, _ in again.commands.values()
    }
    assert min(map(len, used.values())) > 3
    implementations = {METHODS[name].module for name in FURTHER[again.track]}
    implementations |= {f"palimpsest.attacks.{one.split('/')[1]}" for one in ATTACKED[again.track]}
    implementations |= {module_of(again.track, part) for part in PARTS}
    assert {one for modules in used for one in modules[1:]} >= implementations
    assert counting.uncounted(again) == {}


@pytest.mark.parametrize(
    "definition", ["read_parquet", "KEPT", "MEMORIZATION_METRICS", "ALL_SEEDS"]
)
def test_a_definition_that_is_not_counted_would_be_seen(again, monkeypatch, definition):
    """The check above, with one definition taken out of the count."""
    reached = provenance.reached
    monkeypatch.setattr(
        provenance,
        "reached",
        lambda *modules: [one for one in reached(*modules) if one[1] != definition],
    )
    missing = {name for names in counting.uncounted(again).values() for _, name in names}
    assert definition in missing
