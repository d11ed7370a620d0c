"""Readers: what becomes of rows, what depends on what, and that every damage is explained."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stepping import read_records
from test_records import SECRET, message_of, records, spoilt

from palimpsest.data.readers import READERS
from palimpsest.data.records import check_records
from palimpsest.data.storage import LABELLED, columns_of

COLUMNS = columns_of(LABELLED)
SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}
DATA = {"reader": "table", "columns": {name: name for name in COLUMNS}}


def read(frame: pd.DataFrame, folder: Path, data: dict = DATA, **options):
    path = folder / "posts.csv"
    frame.to_csv(path, index=False)
    return read_records(data, [path], **options)


def test_good_records_come_back_sorted_and_counted(tmp_path):
    frame, report = read(
        records().sample(frac=1, random_state=1), tmp_path, {**DATA, "keep": ["topic"]}, classes=2
    )
    pd.testing.assert_frame_equal(
        frame, records().astype({n: "str" for n in records() if n != "label"})
    )
    assert frame["label"].dtype == np.int64 and list(frame) == [*COLUMNS, "topic"]
    assert (report.read, report.dropped, report.by_split) == (
        12,
        {},
        {"train": 4, "valid": 4, "test": 4},
    )
    check_records(frame, where="posts.csv", classes=2)


def test_labels_and_splits_are_mapped_and_what_is_dropped_is_counted(tmp_path):
    """Of 12 rows the 4 of the raw split `unused` go, and of the rest the 2 without a verdict."""
    splits = ["fit", "fit", "dev", "dev", "eval", "eval"] + ["unused"] * 4 + ["fit"] * 2
    raw = records().assign(label=["no", "yes"] * 5 + ["?", "?"], split=splits)
    data = {
        **DATA,
        "labels": {"no": 0, "yes": 1, "?": None},
        "splits": {"fit": "train", "dev": "valid", "eval": "test", "unused": "drop"},
    }
    frame, report = read(raw, tmp_path, data)
    assert frame["label"].tolist() == [0, 1] * 3
    assert report.dropped == {"split 'unused'": 4, "label '?'": 2}
    assert report.by_split == {"train": 2, "valid": 2, "test": 2} and report.read == 12
    assert "4 dropped: split 'unused'" in str(report)


def test_a_share_of_the_owners_of_validation_records_is_kept_unseen(tmp_path):
    """Whole owners, by a hash of their names, and validation records alone."""
    raw = records(1200)
    frame, report = read(raw, tmp_path, {**DATA, "extra_share": 0.25})
    before, after = raw["split"].value_counts(), frame["split"].value_counts()
    assert (
        after["train"] == before["train"]
        and after["test"] == before["test"]
        and after["extra"] + after["valid"] == before["valid"]
    )
    assert (
        0.15 < after["extra"] / before["valid"] < 0.35
        and report.by_split["extra"] == after["extra"]
    )
    assert not set(frame.loc[frame["split"] == "extra", "owner"]) & set(
        frame.loc[frame["split"] == "valid", "owner"]
    )


def test_a_boolean_label_is_true_and_false_in_every_form(tmp_path):
    raw = records().assign(label=[bool(label) for label in records()["label"]])
    path = tmp_path / "posts.parquet"
    raw.to_parquet(path)
    frame, _ = read_records({**DATA, "labels": {True: 1, False: 0}}, [path])
    assert frame["label"].tolist() == records()["label"].tolist()


def test_ids_from_content_do_not_depend_on_other_rows(tmp_path):
    """The id is SHA-256 over length-prefixed owner, text and raw label; other rows may go or change
    places."""
    data = {
        "reader": "table",
        "columns": {"owner": "owner", "text": "text", "label": "label"},
        "split_shares": SHARES,
    }
    raw = records(200)
    whole, _ = read(raw, tmp_path, data)
    fields = ("owner 0", f"{SECRET} 0", "0")
    digest = hashlib.sha256(
        "".join(f"{len(field)}:{field}" for field in fields).encode()
    ).hexdigest()[:16]
    assert whole.set_index("record_id").loc[digest, "text"] == f"{SECRET} 0"
    fewer, _ = read(raw.iloc[::-1].drop(index=range(0, 200, 3)), tmp_path, data)
    left = whole.merge(fewer, how="right", indicator=True)
    assert len(fewer) == 133 and (left["_merge"] == "both").all()


def test_equal_rows_share_owner_and_split_and_are_numbered_by_content(tmp_path):
    """Without owners, two people may have posted the same: forgetting one content forgets all of
    it."""
    data = {
        "reader": "table",
        "columns": {"text": "text", "label": "label"},
        "split_shares": SHARES,
        "keep": ["topic"],
    }
    raw = pd.concat([records(60), records(60).iloc[[5, 5]].assign(topic=["b", "a"])])
    frame, _ = read(raw, tmp_path, data)
    same = frame[frame["text"] == f"{SECRET} 5"]
    first = same["record_id"].iloc[0]
    assert same["record_id"].tolist() == [first, f"{first}-2", f"{first}-3"]
    assert same["topic"].tolist() == ["a", "b", "x"]
    assert set(same["owner"]) == {first} and same["split"].nunique() == 1
    again, _ = read(raw.iloc[::-1], tmp_path, data)
    pd.testing.assert_frame_equal(frame, again)
    without, _ = read(raw[raw["text"] != f"{SECRET} 5"], tmp_path, data)
    pd.testing.assert_frame_equal(without, frame.drop(index=same.index).reset_index(drop=True))


def test_without_owners_each_record_owns_itself(tmp_path):
    data = {"reader": "table", "columns": {n: n for n in COLUMNS if n != "owner"}}
    frame, _ = read(records(), tmp_path, data)
    assert frame["owner"].tolist() == frame["record_id"].tolist()


def test_shares_are_kept_and_moving_a_border_moves_only_what_lies_there(tmp_path):
    """2,000 draws: a share p has a standard deviation of sqrt(p (1 - p) / 2000) <= 0.011; five of
    them are 0.055."""
    columns = {"record_id": "record_id", "text": "text", "label": "label"}
    frame, report = read(
        records(2000), tmp_path, {"reader": "table", "columns": columns, "split_shares": SHARES}
    )
    assert all(abs(report.by_split[name] / 2000 - share) < 0.055 for name, share in SHARES.items())
    wider = {"train": 0.7, "valid": 0.1, "test": 0.2}
    moved, _ = read(
        records(2000), tmp_path, {"reader": "table", "columns": columns, "split_shares": wider}
    )
    pairs = set(zip(frame["split"], moved["split"], strict=True))
    assert pairs == {("train", "train"), ("valid", "train"), ("valid", "valid"), ("test", "test")}


def test_the_forum_is_read_like_a_table(monkeypatch):
    import palimpsest.data.forum as module

    monkeypatch.setattr(
        module,
        "forum",
        lambda *, owners, posts, seed: records(posts).assign(topic=f"{owners}-{seed}"),
    )
    frame, report = read_records(
        {"reader": "forum", "owners": 6, "posts": 12, "seed": 3, "keep": []}, []
    )
    assert report.read == 12 and set(frame["topic"]) == {"6-3"}
    assert {"table", "forum", "hatexplain"} < set(READERS)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"record_id": "id09"}, ["record ids stand more than once", "3 records: 'id09'"]),
        ({"record_id": None}, ["record_id is empty", "2 records"]),
        ({"owner": "a\nb"}, ["owner holds a line break", "'id01'", "'id02'"]),
        ({"owner": "a\x00b"}, ["owner holds a line break"]),
        ({"owner": "a\tb"}, ["owner holds a line break"]),
        ({"owner": " "}, ["owner is empty"]),
        ({"text": ""}, ["text is empty", "2 records: 'id01'"]),
        ({"text": " \n"}, ["text is empty"]),
        ({"text": float("nan")}, ["text is empty"]),
        ({"label": float("nan")}, ["label is missing", "whole numbers from 0 to 1"]),
        ({"label": 2}, ["label outside the range", "whole numbers from 0 to 1"]),
        ({"label": -1}, ["label outside the range"]),
        ({"split": "training"}, ["unknown split", "'train', 'valid', 'test', 'holdout', 'extra'"]),
        ({"split": None}, ["split is empty"]),
    ],
)
def test_bad_cells_are_found_by_the_checks_and_by_the_reader(tmp_path, changes, parts):
    """The same rule answers in both places; the reader adds the row in the file, counted from 1."""
    for message in (
        message_of(check_records, spoilt(**changes), where="posts", classes=2),
        message_of(read, spoilt(**changes), tmp_path, classes=2),
    ):
        assert all(part in message for part in parts), message
        assert message.count("\n- ") == 1, "one problem, told once"
    assert "posts.csv, row 3" in message


@pytest.mark.parametrize(
    ("raw", "data", "parts"),
    [
        (
            {"label": "bad"},
            {},
            ["unknown label", "'bad' in 2 records", "whole numbers", "data.labels"],
        ),
        ({"label": "bad"}, {"labels": {0: 0, 1: 1}}, ["unknown label", "'0', '1'"]),
        ({"label": SECRET}, {}, ["1 different value in 2 records"]),
        ({"label": "9" * 30}, {}, ["unknown label"]),
        ({"split": "val"}, {}, ["unknown split", "'val' in 2 records", "data.splits"]),
        ({}, {"split_shares": SHARES}, ["two ways to split"]),
        (
            {},
            {"columns": {**DATA["columns"], "text": "txt"}},
            ["no column 'txt'", "did you mean 'text'?"],
        ),
        ({}, {"columns": {**DATA["columns"], "record_id": "text"}}, ["is the column of the text"]),
        (
            {},
            {"columns": {**DATA["columns"], "label": "owner"}},
            ["unknown label", "different values in 12 records"],
        ),
    ],
)
def test_bad_mappings_are_explained(tmp_path, raw, data, parts):
    message = message_of(read, spoilt(**raw), tmp_path, {**DATA, **data})
    assert all(part in message for part in parts), message


def test_cells_that_are_no_single_values(tmp_path):
    path = tmp_path / "posts.json"
    records().assign(text=[[SECRET]] * 12, topic=[{"a": SECRET}] * 12).to_json(
        path, orient="records"
    )
    message = message_of(read_records, {**DATA, "keep": ["topic"]}, [path])
    assert "column 'text' holds lists" in message and "column 'topic' holds lists" in message


@pytest.mark.parametrize("encoding", ["idna", "punycode", "hex", "utf-9", "", "x\0", "undefined"])
def test_encodings_that_are_none_of_text_are_explained(tmp_path, encoding):
    """Python has codecs that are no encodings of text, and some that fail in ways of their own."""
    path = tmp_path / "posts.csv"
    path.write_text("text,label\nd\u00e9j\u00e0 vu,1\n", encoding="utf-8")
    message = message_of(
        read_records,
        {"reader": "table", "columns": {"text": "text", "label": "label"}, "encoding": encoding},
        [path],
    )
    assert "no encoding of this file" in message or f"not {encoding.upper()}" in message


def test_halves_of_letters_are_found_in_whatever_encoding(tmp_path):
    """UTF-7 can write half of a surrogate pair, which no file of this workflow could hold."""
    path = tmp_path / "posts.csv"
    path.write_bytes(b"text,label\n+2AA-,1\n")
    message = message_of(
        read_records,
        {"reader": "table", "columns": {"text": "text", "label": "label"}, "encoding": "utf-7"},
        [path],
    )
    assert "no encoding of this file" in message or "not UTF-7" in message


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        (f"{SECRET},1,train", "3 more that do not look like names"),
        ("awful stuff,rude,train", "'rude', 'train', 1 more that"),
        ("post,rude,part,1st", "'post', 'rude', 'part', 1 more"),
    ],
)
def test_a_first_line_that_may_be_a_record_is_not_shown(tmp_path, first, shown):
    """Without a line of column names a record stands in its place."""
    path = tmp_path / "posts.csv"
    path.write_text(first.replace("1,train", "1,2") + "\n", encoding="utf-8")
    message = message_of(
        read_records, {"reader": "table", "columns": {"text": "text", "label": "label"}}, [path]
    )
    assert shown in message and "there is no column 'text'" in message
    assert "set `header: false` and name each by its number" in message


def test_column_names_that_stand_twice_are_named(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("text,label,text,label,two words,two words\n", encoding="utf-8")
    message = message_of(
        read_records, {"reader": "table", "columns": {"text": "text", "label": "label"}}, [path]
    )
    assert "column names stand twice" in message and "'text', 'label', 1 more" in message


def test_a_name_in_other_letters_is_told_by_its_codes(tmp_path):
    """'te\u0445t' with a Cyrillic x looks like 'text'."""
    message = message_of(read, records().rename(columns={"text": "te\u0445t"}), tmp_path)
    assert "did you mean 'te\u0445t', written 'te\\u0445t'?" in message


def test_a_split_may_be_that_of_a_file_and_be_divided(tmp_path):
    """Rows of one file are of `dev`, those of another of `train`, half of which are held out, by a
    hash of their ids: the same ones whatever else is read."""
    rows = records().drop(columns="split")
    parts = {"dev": rows[:2], "train": rows[2:10], "valid": rows[10:]}
    splits = {tmp_path / f"{name}.csv": name for name in parts}
    for path, name in splits.items():
        parts[name].to_csv(path, index=False)
    columns = {name: name for name in COLUMNS if name != "split"}
    mapped = {"dev": "test", "train": "train", "valid": "valid"}
    data = {"reader": "table", "columns": columns, "splits": mapped}
    half = data | {"split_shares": {"train": {"train": 0.5, "holdout": 0.5}}}

    def split_of(data: dict) -> pd.Series:
        frame, _ = read_records(data, list(splits), splits=splits)
        return frame.set_index("record_id")["split"]

    given, drawn = split_of(data), split_of(half)
    for name, part in parts.items():
        assert set(given[part["record_id"]]) == {mapped[name]}
    learnt = drawn[parts["train"]["record_id"]]
    assert set(learnt) == {"train", "holdout"} and drawn.drop(learnt.index).equals(
        given.drop(learnt.index)
    )
    some = parts["train"][parts["train"]["record_id"].isin(learnt[learnt == "train"].index)]
    some.to_csv(tmp_path / "train.csv", index=False)
    assert split_of(half).equals(drawn[drawn != "holdout"])
