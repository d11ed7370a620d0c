"""Requests that empty a slice, which training bears, or a whole shard, which stops."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from stepping import call

from palimpsest.data.shards import place
from palimpsest.data.storage import read_parquet, records_digest, write_parquet
from palimpsest.errors import UserError
from palimpsest.files import file_digest
from palimpsest.models.tokenizers import encode, save_tokenizer, train_wordpiece

MODEL = {
    "init": "scratch",
    "architecture": "gpt2",
    "config": {"n_layer": 1, "n_embd": 16, "n_head": 2},
    "tokenizer": "words",
    "max_length": 16,
}
TRAINING = {
    "epochs": 2,
    "batch_size": 4,
    "micro_batch_size": None,
    "learning_rate": 0.01,
    "warmup_share": 0.0,
    "weight_decay": 0.01,
    "clip_norm": 1.0,
    "precision": "no",
    "threads": 1,
    "gpus": 0,
}
OWNERS = [f"owner{number}" for number in range(12)]


def records(owners: list[str]) -> pd.DataFrame:
    """One of each owner."""
    rows = [
        {
            "record_id": name,
            "owner": name,
            "text": f"the {('dog', 'cat')[n % 2]} sat",
            "label": n % 2,
        }
        for n, name in enumerate(owners)
    ]
    return (
        pd.DataFrame(rows, columns=["record_id", "owner", "text", "label"])
        .assign(split="train")
        .astype({"label": int})
    )


@pytest.fixture
def trained(tmp_path):
    """A function that trains a stage on all of 2 slices: the first of them is empty."""
    (tmp_path / "words").mkdir()
    files = save_tokenizer(
        train_wordpiece(["the cat sat", "the dog sat"], 60, True), tmp_path / "words"
    )
    (tmp_path / "words/corpus.json").write_text(json.dumps({"files": files}))
    for number, owners in enumerate(([], OWNERS), 1):
        frame = records(OWNERS).head(0) if not owners else records(owners)
        write_parquet(frame, tmp_path / f"{number}.parquet")
        (tmp_path / f"{number}.json").write_text(json.dumps({"digest": records_digest(frame)}))

    def train(stage: int, name: str, *options, **training) -> dict:
        slices = [tmp_path / f"{number}.parquet" for number in range(1, stage + 1)]
        settings = {
            "study": "s",
            "seed": 1,
            "sharding": "1x2",
            "shard": 1,
            "stage": stage,
            "slices": 2,
            "track": "palimpsest.tracks.classification.model",
            "head": {"classes": 2},
        }
        call(
            "train",
            "--code",
            "c",
            "--slice",
            *slices,
            *options,
            "--output",
            tmp_path / name,
            **settings,
            model=MODEL,
            training=TRAINING | training,
        )
        return json.loads((tmp_path / name / "training.json").read_text())

    return train


def test_an_empty_first_slice_leaves_the_fresh_weights_and_the_next_trains(trained, tmp_path):
    """No record, no update: whatever the learning rate, the first stage is the start. The second
    learns from its 12 records: 1.33 of 2 epochs over 2 slices are floor(4 / 3) = 1 and floor(8 / 3)
    - 1 = 1, of ceil(12 / 4) = 3 updates.
    """
    start = ("--tokenizer", tmp_path / "words")
    first, other = trained(1, "first", *start), trained(1, "other", *start, learning_rate=1.0)
    assert (first["records"], first["steps"], first["tokens"], first["curve"]) == (
        0,
        0,
        0,
        [],
    ) and first["sha256"] == other["sha256"]
    second = trained(2, "second", "--previous", tmp_path / "first")
    assert (second["records"], second["steps"]) == (12, 3) and second["sha256"] != first["sha256"]


def test_how_often_a_state_is_saved_changes_no_bit(trained, tmp_path):
    first = [
        trained(
            1, f"a{seconds}", "--tokenizer", tmp_path / "words", "--checkpoint-seconds", seconds
        )
        for seconds in (0, 60)
    ]
    second = [
        trained(
            2,
            f"b{seconds}",
            "--previous",
            tmp_path / f"a{seconds}",
            "--checkpoint-seconds",
            seconds,
        )
        for seconds in (0, 60)
    ]
    assert first[0]["sha256"] == first[1]["sha256"] and second[0]["sha256"] == second[1]["sha256"]


def test_no_text_is_no_ids():
    assert encode(train_wordpiece(["the cat sat"], 60, True), [], 16) == ([], 0)


def cut(tmp_path, gone: list[str], sharding: str, shard: int, slice_: int) -> pd.DataFrame:
    """A slice after a request of ``gone``."""
    write_parquet(records(OWNERS), tmp_path / "records.parquet")
    (tmp_path / "ledger.tsv").write_text("\t".join(["request\towners\nr1", *gone]) + "\n")
    files = (
        "--records",
        tmp_path / "records.parquet",
        "--ledger",
        tmp_path / "ledger.tsv",
        "--output",
        tmp_path / "out.parquet",
    )
    settings = {
        "salt": "s",
        "seed": 1,
        "sharding": sharding,
        "shard": shard,
        "slice": slice_,
        "state": "r1",
    }
    call("slice", *files, "--digest", tmp_path / "out.json", **settings)
    return read_parquet(tmp_path / "out.parquet")


def owners_in(sharding: str, shard: int, *slices: int) -> list[str]:
    return [
        owner
        for owner in OWNERS
        if place(owner, sharding, "s", 1) in {(shard, part) for part in slices}
    ]


def test_a_slice_may_be_emptied(tmp_path):
    gone = owners_in("2x2", 1, 1)
    assert gone and owners_in("2x2", 1, 2)
    assert cut(tmp_path, gone, "2x2", 1, 1).empty
    assert set(cut(tmp_path, gone, "2x2", 1, 2)["owner"]) == set(owners_in("2x2", 1, 2))


@pytest.mark.parametrize("slice_", [1, 2])
def test_an_emptied_shard_stops_before_anything_is_written(tmp_path, slice_):
    """The message says where; the other shard goes on."""
    gone = owners_in("2x2", 1, 1, 2)
    with pytest.raises(UserError, match="shard 1, after request r1") as told:
        cut(tmp_path, gone, "2x2", 1, slice_)
    assert "use fewer shards" in str(told.value) and not (tmp_path / "out.parquet").exists()
    assert len(cut(tmp_path, gone, "2x2", 2, 1))


def test_a_start_counts_by_what_is_loaded_from_it(tmp_path):
    """Weights, configs and vocabularies, in any order of time; not notes, nor what a training said
    of the folder."""
    from palimpsest.models.folder import loaded_files

    loaded = ["config.json", "merges.txt", "model.safetensors", "spiece.model", "tokenizer.json"]
    for name in [
        *reversed(loaded),
        "README.md",
        "training.json",
        "corpus.json",
        ".cache.json",
        "pytorch_model.bin",
    ]:
        (tmp_path / name).write_text(name)
    assert [path.name for path in loaded_files(tmp_path)] == loaded and loaded_files(
        tmp_path / "nowhere"
    ) == []
    assert len({file_digest(path) for path in loaded_files(tmp_path)}) == len(loaded)
