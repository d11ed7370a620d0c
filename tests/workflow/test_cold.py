"""Each kind of step, run again by itself: it writes the bytes that it wrote when a run started it
warm, and all that it runs counts."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faults import kept
from harness import Clone
from palimpsest.engine import provenance
from palimpsest.engine.asking import modules_named, settings_of
from palimpsest.engine.warm import ONE_THREAD
from studies import CAUSAL, CLASSIFICATION

CLASSIFIERS = CLASSIFICATION | {
    "methods": ["base", "oracle", "sisa_vote", "fairsisa_aggregate_first", "npo", "kga"],
    "options": {name: CLASSIFICATION["options"][name] for name in ("npo", "kga")},
    "fairness": {"groups": ["town"], "epsilon_curve": [0.0, 0.5]},
    "training": {"epochs": 2, "learning_rate": 0.01},
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
            "architecture": "gpt2", "config": CAUSAL["model"]["config"], "tokenizer": "words",
            "tokens": 1000, "block": 96,
        },
    },
    "model": {
        "init": "pretrained", "recipe": "small", "max_length": 96,
        "prompt": "{prompt} {completion}",
    },
    "methods": ["base", "oracle", "loo_ensemble", "sham"],
    "options": {"loo_ensemble": {"learning_rate": 1.0e-3}},
}  # fmt: skip
EVERY = {
    "records",
    "index",
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
    "certificate",
    "page",
}
KINDS = {
    "classification": (
        CLASSIFIERS,
        "owner00",
        EVERY | {"decide", "epsilon", "membership"},
    ),
    "causal": (PRETRAINED, "p0002", EVERY | {"pretrain"}),
}


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory) -> Clone:
    study, owner, steps = KINDS[request.param]
    clone = Clone.make(
        tmp_path_factory.mktemp(request.param) / "clone", forget=f"r1 {owner}", **study
    )
    corpus = clone.path("corpus.txt")
    corpus.write_text(corpus.read_text() * 40)
    clone.run()
    clone.commands = {}
    for command, log in sorted(
        re.findall(r"python -m palimpsest (.*) > (\S+\.log) 2>&1", clone.output), reverse=True
    ):
        arguments = shlex.split(command)
        clone.commands.setdefault(kind_of(arguments), (arguments, log))
    assert clone.commands.keys() == steps
    return clone


def kind_of(arguments: list[str]) -> str:
    """The step; where it measures, the module that measures."""
    measurer = re.search(r'"measurer": "(?:\w+\.)+(\w+)"', " ".join(arguments))
    return measurer[1] if measurer else arguments[0]


def test_every_step_was_started_warm(made):
    for command, log in made.commands.values():
        assert f"{command[0]}, started warm with " in made.path(log).read_text()


@pytest.fixture(scope="module")
def traced(made, tmp_path_factory) -> dict[str, set[tuple[str, str]]]:
    """Each step run again by itself, in another environment, too; step -> the definitions of the
    package that ran, by their modules.

    On the way: it has written the same bytes.
    """
    folder = tmp_path_factory.mktemp("trace")
    shutil.copy(Path(__file__).with_name("tracing.py"), folder / "sitecustomize.py")
    package, before, found = made.path("workflow/palimpsest"), kept(made), {}
    environment = {
        name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"
    } | ONE_THREAD
    environment |= {
        "PYTHONPATH": f"{folder}:{made.path('workflow')}",
        "PALIMPSEST_PACKAGE": str(package),
    }
    for step, (command, _) in made.commands.items():
        option = {"records": "--records", "tabulate": "--parquet"}.get(step, "--output")
        written, trace = made.path(command[command.index(option) + 1]), folder / f"{step}.json"
        for path in [
            path
            for path in (written, *written.glob("*"))
            if path.is_file() and step not in ("tokenizer", "pretrain")
        ]:
            path.unlink()
        done = subprocess.run(
            [sys.executable, "-m", "palimpsest", *command],
            cwd=made.folder,
            env=environment | {"PALIMPSEST_TRACE": str(trace)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and f"{command[0]} took" in done.stderr and written.exists(), (
            done.stderr
        )
        assert kept(made) == before, step
        found[step] = {
            one
            for file, line in json.loads(trace.read_text())
            for one in definitions_at(package, file, line)
        }
    return found


def definitions_at(package: Path, file: str, line: int) -> list[tuple[str, str]]:
    """(module, definition) of what stands at the top of a file around a line."""
    path = Path(file).relative_to(package.parent).with_suffix("")
    module = ".".join(path.parent.parts if path.name == "__init__" else path.parts)
    for statement in ast.parse(Path(file).read_text()).body:
        first = min(
            [statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))]
        )
        if first <= line <= statement.end_lineno:
            return [(module, name) for name in provenance._defined(statement)]
    return []


# What starts steps, tells of them and keeps runs apart makes no result.
AROUND = (
    "palimpsest.__main__",
    "palimpsest.cli",
    "palimpsest.engine.running",
    "palimpsest.engine.provenance",
)


def test_a_step_by_itself_writes_the_same_bytes(traced, made):
    assert traced.keys() == made.commands.keys()


def test_every_definition_that_ran_counts_in_the_digest_of_its_step(traced, made):
    for step, ran in traced.items():
        counted = set(
            provenance.reached(
                f"palimpsest.steps.{made.commands[step][0][0]}",
                *modules_named(settings_of(made.commands[step][0])),
            )
        )
        missing = {
            one
            for one in ran
            if one[0] not in AROUND and not one[0].startswith("palimpsest.engine.")
        } - counted
        assert not missing, f"{step} runs what does not count: {sorted(missing)}"
        assert len(ran & counted) > 3, step


def test_a_definition_that_is_not_counted_would_be_seen(traced, made, monkeypatch):
    """The check above, with one definition taken out of the count."""
    exported = provenance._exported
    monkeypatch.setattr(
        provenance,
        "_exported",
        lambda module, name: [] if name == "read_parquet" else exported(module, name),
    )
    with pytest.raises(AssertionError, match="read_parquet"):
        test_every_definition_that_ran_counts_in_the_digest_of_its_step(traced, made)
