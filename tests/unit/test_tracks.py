"""What every track must have, by the dict: a new one is tested by being listed."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from palimpsest.data.storage import COLUMNS
from palimpsest.methods.registry import METHODS
from palimpsest.metrics import METRICS
from palimpsest.study.schema import schema
from palimpsest.tracks import ENCODING, TRACKS, module_of, track_of

PARTS = {  # module -> functions, each with its parameters
    "model": {
        "load": ["source", "tokenizer", "head"],
        "encode": ["records", "tokenizer", "settings"],
        "predict": ["model", "batch"],
        "subset": ["examples", "indices"],
    },
    "score": {
        "texts": ["records", "candidates"],
        "score": ["model", "tokenizer", "examples", "texts", "settings", "reference"],
    },
    "memory": {"memory": ["model", "examples"]},
    "measure": {"measure": ["given", "settings"]},
    "summary": {"sections": ["metrics", "settings"]},
}
CONSTANTS = {
    "model": "GENERATES",
    "score": "KEPT",
    "memory": "MEMORIZATION_METRICS",
    "summary": "SCOPE",
}


@pytest.mark.parametrize("name", TRACKS)
def test_its_modules_have_what_steps_call(name):
    for part, functions in PARTS.items():
        module = importlib.import_module(module_of(name, part))
        for function, parameters in functions.items():
            if function == "score" and track_of(name).judged:
                parameters = [*parameters, "judges"]
            assert list(inspect.signature(getattr(module, function)).parameters) == parameters
        assert hasattr(module, CONSTANTS.get(part, part))
    for part in track_of(name).around:
        module = importlib.import_module(module_of(name, part))
        assert list(inspect.signature(module.measure).parameters) == ["given", "settings"]


@pytest.mark.parametrize("name", TRACKS)
def test_its_facts_name_what_there_is(name):
    track, sections = track_of(name), schema()["properties"]
    assert set(track.metrics) <= set(METRICS) and len(set(track.metrics)) == len(track.metrics)
    assert set(track.fields) <= set(COLUMNS) and set(track.encoding) <= set(ENCODING)
    for section, keys in (("data", track.head), ("evaluation", track.evaluation)):
        assert set(keys) <= set(sections[section]["properties"])
    for file in track.measured:
        model, _, what = file.rpartition("/")
        assert model in ("", "base", "oracle")
        sets = (*track.sets, "forget") if track.scored == "state" else ()
        assert what in ("decisions", "rules", *sets)


def test_what_measures_needs_no_torch_and_the_graph_no_tables():
    code = "import sys; {}; print(*{{'torch', 'pandas', 'snakemake'}} & set(sys.modules))"
    parts = [module_of(name, part) for name in TRACKS for part in ("measure", "summary")]
    for statement, loaded in (
        (f"import {', '.join(parts)}", "pandas"),
        ("import palimpsest.tracks as t; [t.track_of(name) for name in t.TRACKS]", ""),
    ):
        command = [sys.executable, "-c", code.format(statement)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout.strip() == loaded, done.stderr


def test_methods_that_decide_are_of_tracks_that_decide():
    assert METHODS["sisa_vote"].tracks == ("classification",)
    assert METHODS["base"].tracks == METHODS["npo"].tracks == tuple(TRACKS)
