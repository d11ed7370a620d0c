"""Which records a step scores with which model, and what it asks of them: with a track and a
`score` module that say what they were given."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pandas as pd
import pytest
from stepping import call

from palimpsest.data.aside import in_part
from palimpsest.data.blanks import FIT, JUDGED, PROBE
from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.steps import score as step
from palimpsest.tracks.causal import score as causal
from palimpsest.tracks.masked import score as masked

ASKED: list = []
KEPT = ()  # of the columns of what is scored


@dataclass(frozen=True)
class Model:
    name: str

    def to(self, device) -> Model:
        return self


def load(folder, tokenizer, head) -> Model:
    return Model(folder.name)


def encode(records, tokenizer, settings):
    return [f"{tokenizer} {record}" for record in records["record_id"]], 0


def texts(records, candidates):
    return records


def needed(texts):
    return texts["split"] == "fit"


def score(model, tokenizer, examples, texts, settings, reference=None, **judging):
    ASKED.append(judging.get("judges", settings["batch_size"]))
    return {"said": [f"{model.name} of {example}" for example in examples]}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """(sets of record files, further arguments) -> the tables; two models, of two tokenizers."""
    ASKED.clear()
    for name in ("one", "two", "oracle"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(step, "check_model", lambda folder: None)
    monkeypatch.setattr(step, "load_tokenizer", lambda folder: f"tokens-{folder.name}")
    monkeypatch.setattr(step, "tokenizer_digest", lambda folder: folder.name)

    def run(sets: list[list[pd.DataFrame]], *more: str, **settings) -> list[pd.DataFrame]:
        options = ["--model", tmp_path / "one", tmp_path / "two", *more]
        for number, frames in enumerate(sets):
            options.append("--records")
            for place, frame in enumerate(frames):
                write_parquet(frame, tmp_path / f"in{number}-{place}")
                options.append(tmp_path / f"in{number}-{place}")
        options += ["--output", *(tmp_path / f"out{number}" for number in range(len(sets)))]
        wanted = {"sharding": "3x1", "shards": [3, 1], "head": {}, "model": {}, "batch_size": 5}
        wanted |= {"track": __name__, "score": __name__, "threads": 1, "gpus": 0}
        call("score", *options, **wanted | settings)
        return [read_parquet(tmp_path / f"out{number}") for number in range(len(sets))]

    run.folder = tmp_path
    return run


def records(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"record_id": list(names), "split": "train", "label": 0})


def test_each_shard_is_scored_by_its_own_model_with_that_models_tokenizer(run):
    """A record of two sets counts in the later; a set without records has no rows."""
    trained, nothing, forget = run([[records("a"), records("b", "c")], [], [records("b")]])
    assert trained["record_id"].tolist() == ["a", "c", "a", "c"] and nothing.empty
    assert trained["shard"].tolist() == [3, 3, 1, 1] and set(trained["sharding"]) == {"3x1"}
    assert trained["said"].tolist() == [
        f"{model} of tokens-{model} {record}" for model in ("one", "two") for record in "ac"
    ]
    assert forget["said"].tolist() == ["one of tokens-one b", "two of tokens-two b"]
    assert ASKED == [5] * 4


def test_records_that_no_number_counts_are_not_scored_but_for_those_that_others_rest_on(run):
    part = {"study": "s", "share": 0.5}
    names = [f"n{number}" for number in range(40)]
    aside = {name for name in names if in_part(name, **part)}
    assert 10 < len(aside) < 30
    (found,) = run([[records(*names)]], reported=part)
    assert set(found["record_id"]) == {*names} - aside
    (found,) = run([[records(*names).assign(split="fit")]], reported=part)
    assert set(found["record_id"]) == {*names}
    (found,) = run([[records(*names)]])
    assert set(found["record_id"]) == {*names}
    (found,) = run([[records(*aside)]], reported=part)
    assert found.empty


def test_a_probe_is_fitted_to_all_of_its_texts():
    texts = pd.DataFrame({"task": [PROBE, PROBE, ""], "term": [FIT, JUDGED, FIT]})
    assert masked.needed(texts).tolist() == [True, False, False]


def test_judges_are_loaded_by_the_module_that_settings_name(run, monkeypatch):
    """Once for all sets and models."""
    loaded = []

    def load(folder, device) -> str:
        loaded.append(folder.name)
        return f"judge of {folder.name}"

    monkeypatch.setitem(sys.modules, "judging_here", SimpleNamespace(load=load))
    named = {"module": "judging_here", "names": ["toxicity", "sentiment"]}
    folders = [run.folder / "t-0123", run.folder / "s-0123"]
    run([[records("a")]], "--judges", *folders, judges=named)
    assert ASKED == [{"toxicity": "judge of t-0123", "sentiment": "judge of s-0123"}] * 2
    assert loaded == ["t-0123", "s-0123"]


def test_candidates_stand_below_the_records_and_only_own_texts_are_compared(run, monkeypatch):
    """c holds a secret, with two others that could stand there. One record of each split is asked
    to be written. What the `score` module of causal models then does is noted."""

    def compared(model, examples, batch_size, reference, own):
        ASKED.append((model, batch_size, reference, own))
        return {}

    def written(
        model, tokenizer, examples, texts, chosen, ngram, batch_size, words, others, reference,
        judges, samples,
    ):  # fmt: skip
        assert (judges, samples) == (None, 0)
        assert others == [""] * 6 and reference is not None, "perturbed is no paraphrase"
        ASKED.append((texts, chosen, ngram, batch_size, words))
        return {"told": [tokenizer] * len(examples)}

    def extracted(model, examples, planted, beams, samples):
        ASKED.append((planted, beams, samples))
        return {}

    for name, noting in (("compared_scores", compared), ("written", written)):
        monkeypatch.setattr(causal, name, noting)
    monkeypatch.setattr(causal, "extracted", extracted)
    texts = pd.DataFrame({
        "record_id": ["a", "b", "c"], "prompt": ["why?"] * 3, "completion": ["so", "no", "yes"],
        "split": ["train", "test", "test"],
    })  # fmt: skip
    others = pd.DataFrame({
        "record_id": ["a", "c", "c"], "kind": ["perturbed", "alternative", "alternative"],
        "number": [1, 1, 2], "completion": ["never", "maybe", "often"],
    })  # fmt: skip
    write_parquet(others, run.folder / "candidates")
    more = [f"--candidates={run.folder / 'candidates'}", f"--reference={run.folder / 'oracle'}"]
    wanted = {"written": 1, "ngram": 4, "beams": 2, "samples": 9, "score": causal.__name__}
    wanted |= {"rouge_words": "ascii"}
    (rows,) = run([[texts]], *more, **wanted)
    first = rows[rows["shard"] == 3]
    assert first["record_id"].tolist() == ["a", "b", "c", "a", "c", "c"]
    assert first["kind"].tolist() == ["", "", "", "perturbed", "alternative", "alternative"]
    assert first["number"].tolist() == [0, 0, 0, 1, 1, 2]
    assert "completion" not in rows and (rows["compressed"] > 0).all()
    held, (asked, chosen, *sizes), secrets, *_ = ASKED
    assert held == (Model("one"), 5, Model("oracle"), [0, 1, 2])
    assert asked == ["so", "no", "yes", "never", "maybe", "often"] and sizes == [4, 5, "ascii"]
    assert secrets == ({"c": [2, 4, 5]}, 2, 9)
    assert len(chosen) == 2 and chosen[0] == 0 and chosen[1] in (1, 2)
    assert rows["told"].tolist() == ["tokens-one"] * 6 + ["tokens-two"] * 6
