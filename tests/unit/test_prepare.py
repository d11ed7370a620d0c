"""A run as a step prepares it: which records it has, and what its states depend on."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from palimpsest.data.storage import write_parquet
from palimpsest.files import write_json
from palimpsest.methods import prepare

GIVEN = {
    "track": "a_track", "memory": "a_track", "head": "h", "model": {}, "ngram": 4, "threads": 1,
    "gpus": 0, "precision": "no",
}  # fmt: skip
FRAMES = {"forget": "a", "retain": "bc"}


def frame(names: str) -> pd.DataFrame:
    return pd.DataFrame({"record_id": list(names), "text": [f"it says {name}" for name in names]})


@pytest.fixture
def fingerprint(tmp_path, monkeypatch):
    """Of a run of a model that is its folder's name, by a track that loads and encodes nothing."""
    track = SimpleNamespace(
        load=lambda folder, tokenizer, head: torch.nn.Linear(1, 1),
        encode=lambda frame, tokenizer, model: (SimpleNamespace(lengths=[1] * len(frame)), None),
        subset=lambda examples, some: examples,
    )
    monkeypatch.setitem(sys.modules, "a_track", track)
    monkeypatch.setattr(prepare, "check_model", lambda folder: folder.name)
    monkeypatch.setattr(prepare, "load_tokenizer", lambda folder: None)

    def fingerprint(model="m", frames=FRAMES, code="c", models=None, others=None, **given) -> str:
        write_json(tmp_path / model / "training.json", {})
        args = Namespace(
            settings=GIVEN | given,
            model=tmp_path / model,
            output=tmp_path,
            code=code,
            checkpoint_seconds=1.0,
        )
        told = {name: frame(names) for name, names in frames.items()}
        return prepare.prepare(args, told, ("s",), models, others).fingerprint

    return fingerprint


def test_states_are_of_the_model_its_records_settings_code_and_whatever_else_there_is(fingerprint):
    """Of each of these another is another training, which does not go on from them."""
    known = fingerprint()
    assert fingerprint() == fingerprint(models={}, others={}) == known
    found = [
        fingerprint(model="n"),
        fingerprint(frames=FRAMES | {"forget": "d"}),
        fingerprint(frames=FRAMES | {"retain": "b"}),
        fingerprint(code="d"),
        fingerprint(ngram=5),
        fingerprint(models={"forget": Path("one")}),
        fingerprint(models={"forget": Path("other")}),
        fingerprint(others={"teacher 1": "digest"}),
        fingerprint(others={"teacher 1": "another"}),
    ]
    assert len({known, *found}) == 10


def test_records_of_several_files_stand_by_their_ids(tmp_path):
    """In whatever order the files are named."""
    for name, ids in (("one", "ca"), ("two", "bd")):
        write_parquet(frame(ids), tmp_path / name)
    for names in (("one", "two"), ("two", "one")):
        found = prepare.records([tmp_path / name for name in names])
        assert found["record_id"].tolist() == list("abcd") and found.index.tolist() == [0, 1, 2, 3]
        assert found["text"].tolist() == [f"it says {name}" for name in "abcd"]
