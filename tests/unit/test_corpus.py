"""Plain text for tokenizers and pretraining, from every kind of file."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest

from palimpsest.data.corpus import lines
from palimpsest.errors import UserError

TEXTS = ['a "quoted" word', "two lines\nof text"]


def test_lines_of_text_files_also_gzipped(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\n two \n")
    (tmp_path / "b.en.gz").write_bytes(gzip.compress(b"one\n\n two \n"))
    for name in ("a.txt", "b.en.gz"):
        assert list(lines(tmp_path / name, {"text"})) == ["one", "two"]
    (tmp_path / "c.txt").write_bytes(b"\xff")
    with pytest.raises(UserError, match="UTF-8"):
        list(lines(tmp_path / "c.txt", set()))


def test_texts_of_tables_by_the_column_that_the_source_names(tmp_path):
    (tmp_path / "a.tsv").write_text('sentence\tlabel\na "quoted" word\t1\n\t0\n')
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({"x": 1, "text": t}) for t in TEXTS))
    pd.DataFrame({"x": [1, 2], "text": TEXTS}).to_csv(tmp_path / "c.csv", index=False)
    pd.DataFrame({"text": TEXTS}).to_parquet(tmp_path / "d.parquet")
    columns = {"sentence", "text"}
    assert list(lines(tmp_path / "a.tsv", columns)) == TEXTS[:1]
    for name in ("b.jsonl", "c.csv", "d.parquet"):
        assert list(lines(tmp_path / name, columns)) == TEXTS
    with pytest.raises(UserError, match="which column is the text(.*\n)*.*sentence, label"):
        list(lines(tmp_path / "a.tsv", {"words"}))
    with pytest.raises(UserError, match="no text(.*\n)*.*int"):
        list(lines(tmp_path / "b.jsonl", {"x"}))
