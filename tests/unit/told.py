"""A small study with its records, for tests of what is told of it: 30 owners of a table whose texts
have as many words as they like, each word of five letters."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pandas as pd
from stepping import call

from palimpsest.data.shards import place
from palimpsest.study.load import check_study
from palimpsest.study.study import Study
from palimpsest.study.wants.data import Records

OWNERS = [f"owner{number:02}" for number in range(30)]
STUDY = {
    "study": "small",
    "salt": "small",
    "seeds": [1, 2],
    "ledger": "ledger.tsv",
    "data": {
        "reader": "table",
        "sources": [{"path": "posts.csv"}],
        "columns": {"owner": "owner", "text": "text", "label": "label", "split": "split"},
    },
    "tokenizers": {
        "words": {"algorithm": "wordpiece", "vocab_size": 100, "corpus": [{"path": "corpus.txt"}]}
    },
    "model": {"init": "scratch", "architecture": "gpt2", "config": {}, "tokenizer": "words"},
    "training": {"epochs": 4},
    "sharding": ["1x1", "3x2"],
    "methods": ["oracle", "sisa_vote"],
}


def write_posts(texts=lambda draw, owner: " ".join(["quill"] * draw.randint(3, 30))) -> None:
    draw, rows = random.Random(3), []
    for owner in OWNERS:
        for split in ("train",) * 6 + ("valid", "test"):
            label = draw.randrange(2)
            rows.append((owner, texts(draw, owner), label, split))
    frame = pd.DataFrame(rows, columns=["owner", "text", "label", "split"])
    frame.to_csv("posts.csv", index=False)
    Path("corpus.txt").write_text("quill\n")


def study_of(ledger: str = "", **changes) -> Study:
    """``ledger`` as 'r1 owner01 owner02; r2 owner03'."""
    lines = ["request owners", *filter(None, map(str.strip, ledger.split(";")))]
    Path("ledger.tsv").write_text("".join(line.replace(" ", "\t") + "\n" for line in lines))
    return Study(check_study(STUDY | changes, "study.yaml"))


def read(study: Study) -> None:
    """Its records, as the first job makes them."""
    want, folder = Records(study), Path(study.folder, "data")
    call(
        "records", "--source", "posts.csv", "--records", folder / "records.parquet",
        "--report", folder / "records.json", **json.loads(want.settings_json(None)),
    )  # fmt: skip


def owner_of(shard: int, slice_: int, seed: int = 1, skip: tuple[str, ...] = ()) -> str:
    return next(
        owner
        for owner in OWNERS
        if owner not in skip and place(owner, "3x2", STUDY["salt"], seed) == (shard, slice_)
    )
