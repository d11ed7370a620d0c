"""The corpus of a tokenizer leads to no record and no owner's name, however it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_study_edges import changed, table

from palimpsest.errors import UserError
from palimpsest.study.load import check_study
from palimpsest.study.study import Study


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine/posts.csv", "mine/ledger.tsv", "mine/public.txt", "public/words.txt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("request\towners\nr1\ta\n")
    Path("public/link.txt").symlink_to(tmp_path / "mine/posts.csv")


def study(corpus: str) -> Study:
    words = {"algorithm": "wordpiece", "vocab_size": 99, "corpus": [{"path": corpus}]}
    config = changed(
        table(sources=[{"path": "mine/posts.csv"}]),
        ledger="mine/ledger.tsv",
        tokenizers={"w": words},
        model__tokenizer="w",
    )
    return Study(check_study(config, "study.yaml"))


@pytest.mark.parametrize(
    ("corpus", "found"),
    [
        ("mine/*.csv", ["mine/posts.csv, a source of the records"]),
        ("mine", ["mine/posts.csv, a source", "mine/ledger.tsv, the table `ledger`"]),
        ("public/*", ["public/link.txt, a source of the records"]),
        ("mine/../mine/posts.csv", ["posts.csv, a source of the records"]),
        ("mine/ledger.tsv", ["mine/ledger.tsv, the table `ledger`"]),
    ],
)
def test_a_corpus_that_leads_to_the_records_is_refused(corpus, found):
    with pytest.raises(UserError, match="must not be trained on the records") as refused:
        study(corpus)
    assert all(one in str(refused.value) for one in found)
    assert "public.txt" not in str(refused.value)


@pytest.mark.parametrize("corpus", ["mine/*.txt", "public/words.txt"])
def test_any_other_file_may_be_its_corpus(corpus):
    assert study(corpus).corpus
