"""Tables: each form read exactly, each damage told with its place and never with a cell."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest
from palimpsest.data.tables import plain, read_table, read_table_records
from palimpsest.errors import UserError

SECRET = "Nobody may read this"


def write(path, text: str, encoding="utf-8"):
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def error_of(path, **options) -> str:
    with pytest.raises(UserError) as raised:
        read_table(path, **options)
    message = str(raised.value)
    assert SECRET not in message and path.name in message
    assert all(problem.remedy or problem.allowed for problem in raised.value.problems)
    return message


FORMS = [form + zipped for form in (".csv", ".tsv", ".json", ".jsonl") for zipped in ("", ".gz")]


@pytest.mark.parametrize("suffix", [*FORMS, ".parquet", ".CSV"])
def test_every_form_gives_the_same_rows(tmp_path, suffix):
    """Words that other readers take for missing, commas, quotes, tabs' neighbours and line breaks all survive."""
    rows = [{"text": text, "label": "1"} for text in ("NA", "None", 'a "b", c', "two\nlines", "é 😀 \u2028 x", "nan")]
    frame = pd.DataFrame(rows)
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix.startswith(".json") and not suffix.startswith(".jsonl"):
        write(path, json.dumps(rows, indent=1))
    elif suffix.startswith(".jsonl"):
        write(path, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n")
    else:
        write(path, frame.to_csv(index=False, sep="\t" if suffix.startswith(".tsv") else ","))
    assert read_table(path).to_dict("records") == rows


def test_json_keeps_types_and_may_be_lines(tmp_path):
    path = write(tmp_path / "t.json", '{"a": 1, "b": null}\n{"a": true}\n')
    frame = read_table(path)
    assert frame["a"].tolist() == [1, True] and frame["a"].map(type).tolist() == [int, bool]
    assert frame["b"].isna().all()


def test_empty_cells_stay_empty_text_and_blank_lines_are_no_rows(tmp_path):
    assert read_table(write(tmp_path / "t.csv", "a,b\r\n,2\r\n\r\n3,\r\n")).values.tolist() == [["", "2"], ["3", ""]]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    assert list(read_table(write(tmp_path / "t.csv", "text,label\na,1\n", "utf-8-sig"))) == ["text", "label"]


def test_quotes_can_be_plain_text(tmp_path):
    path = write(tmp_path / "t.tsv", 'text\tlabel\n"odd\t1\n')
    assert "quotes: false" in error_of(path)
    assert read_table(path, quotes=False)["text"].tolist() == ['"odd']


def test_cells_may_be_long(tmp_path):
    """The csv module alone stops at 131,072 characters."""
    path = write(tmp_path / "t.csv", "text,label\n" + "x" * 200_000 + ",1\n")
    assert read_table(path)["text"].str.len().tolist() == [200_000]


def test_bytes_that_are_not_utf8_are_named_by_line_and_offset(tmp_path):
    """'text,label\\n' is 11 bytes, 'ok,1\\n' 5 more: line 3 starts at offset 16, and the 'é' is its fourth byte."""
    path = write(tmp_path / "t.csv", f"text,label\nok,1\ncaf\xe9 {SECRET},0\n", "latin-1")
    message = error_of(path)
    assert "line 3" in message and "0xe9 at offset 19" in message
    assert read_table(path, encoding="latin-1")["text"][1].startswith("café")
    assert "unknown encoding" in error_of(path, encoding="utf-9")


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("t.txt", f"{SECRET}\n", ["not a kind of table", ".csv, .tsv"]),
        ("t", f"{SECRET}\n", ["not a kind of table"]),
        ("t.parquet.gz", SECRET, ["not a kind of table"]),
        ("t.parquet", SECRET, ["not parquet"]),
        ("t.csv", "", ["empty"]),
        ("t.csv", f"a,b\n1,2\n{SECRET}\n1,2,{SECRET}\n", ["2: line 3 (1 cells), line 4 (3 cells)", "2 cells in"]),
        ("t.csv", f'a,b\n"x\ny",1\n"{SECRET}" z,2\n', ["line 4", "quotes"]),
        ("t.csv", f'a,b\n1,2\n"{SECRET}', ["line 3"]),
        ("t.csv", f"a,a\n{SECRET},2\n", ["stand twice"]),
        ("t.json", f'[{{"a": 1}},\n{{"a": {SECRET}}}]', ["not valid JSON", "line 2, column 7"]),
        ("t.jsonl", f'{{"a": 1}}\n\n{{"a": {SECRET}}}', ["line 3, column 7"]),
        ("t.jsonl", f'{{"a": 1}}\n["{SECRET}"]\n3\n', ["line 2, line 3", "objects"]),
        ("t.json", f'["{SECRET}"]', ["item 1"]),
        ("t.json", f'{{\n"a": "{SECRET}"\n}}', ["one object a line"]),
        ("t.json", f'[{{"a": "\\ud800 {SECRET}"}}]', ["surrogate"]),
        ("t.json", '[{"a": ' + "1" * 5000 + "}]", ["number"]),
        ("t.json", "[" * 200_000, ["nested"]),
    ],
)
def test_damage_is_told_with_its_place(tmp_path, name, content, parts):
    message = error_of(write(tmp_path / name, content) if name != "t.parquet.gz" else write(tmp_path / name, ""))
    assert all(part in message for part in parts), message


def test_damaged_gzip_and_missing_files(tmp_path):
    whole = gzip.compress(b"text,label\na,1\n" * 100)
    for name, data in (("cut.csv.gz", whole[:-12]), ("plain.csv.gz", b"text,label\n")):
        (tmp_path / name).write_bytes(data)
        assert "not a whole gzip file" in error_of(tmp_path / name)
    assert "cannot be read" in error_of(tmp_path / "none.csv")


def test_parquet_text_that_is_not_utf8(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    binary = pa.array([b"caf\xe9"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 1, binary.buffers())
    pq.write_table(pa.table({"text": text}), tmp_path / "t.parquet")
    assert "UTF-8" in error_of(tmp_path / "t.parquet")


def test_a_pandas_index_in_parquet_stays_a_column(tmp_path):
    pd.DataFrame({"id": ["a"], "text": ["b"]}).set_index("id").to_parquet(tmp_path / "t.parquet")
    assert sorted(read_table(tmp_path / "t.parquet")) == ["id", "text"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.0", "1.0"), (1, "1"), (1.0, "1"), (1.5, "1.5"), (True, "true"), ("True", "True"), (None, None),
        (float("nan"), None), (pd.NA, None), (pd.NaT, None), ("nan", "nan"), (10**20, "1" + "0" * 20),
    ],
)  # fmt: skip
def test_single_values_read_the_same_from_every_form(value, text):
    assert plain(value) == text


def test_columns_are_mapped_and_rows_keep_their_place(tmp_path):
    one = write(tmp_path / "one.csv", "who,comment,bad,Race\nu1,x,0,A\nu2,y,1,B\n")
    two = write(tmp_path / "two.jsonl", '{"comment": "z", "Race": "C", "bad": 1, "who": "u3", "more": 5}\n')
    frame = read_table_records([one, two], {"text": "comment", "label": "bad", "owner": "who"}, ["Race"])
    assert list(frame) == ["owner", "text", "label", "Race"]
    assert frame.index.tolist() == [(str(one), 1), (str(one), 2), (str(two), 1)]
    assert frame["label"].tolist() == ["0", "1", 1]


def test_problems_of_all_files_are_told_together(tmp_path):
    one = write(tmp_path / "one.csv", "Comment,bad\nx,0\n")
    two = write(tmp_path / "two.csv", f"comment,bad\n{SECRET},0,3\n")
    headless = write(tmp_path / "headless.csv", f"{SECRET},0\n")
    with pytest.raises(UserError) as raised:
        read_table_records([one, two, headless], {"text": "comment", "label": "bad"}, ["Race"])
    message = str(raised.value)
    assert "did you mean 'Comment'?" in message
    assert message.count("there is no column 'Race'") == 2 and "rows of another length" in message
    assert "add a line of column names" in message and SECRET not in message


@pytest.mark.parametrize(
    ("columns", "keep", "message"),
    [
        ({"text": "a"}, [], "data.columns.label"),
        ({"label": "a"}, [], "data.columns.text"),
        ({"text": "a", "label": "a"}, [], "is the column of the text"),
        ({"text": "a", "label": "b", "record_id": "a"}, [], "is the column of the text"),
        ({"text": "a", "label": "b"}, ["owner"], "cannot be kept"),
        ({"text": "a", "label": "b"}, ["a"], "cannot be kept"),
    ],
)
def test_a_mapping_that_cannot_be_meant(tmp_path, columns, keep, message):
    path = write(tmp_path / "t.csv", "a,b,owner\nx,0,u\n")
    with pytest.raises(UserError, match=message):
        read_table_records([path], columns, keep)


def test_no_files_are_no_records():
    with pytest.raises(UserError, match="no files to read"):
        read_table_records([], {"text": "a", "label": "b"})
