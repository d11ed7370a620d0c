"""Records: what the checks find, the digest, the files, and what a message may show."""

from __future__ import annotations

import pandas as pd
import pytest

from palimpsest.data.records import check_records, shown
from palimpsest.data.storage import (
    LABELLED,
    columns_of,
    read_parquet,
    records_digest,
    write_parquet,
)
from palimpsest.errors import UserError, nearest

COLUMNS = columns_of(LABELLED)
SECRET = "Nobody may read this"


def records(count: int = 12) -> pd.DataFrame:
    """Good records: every split, either label, two records an owner, one kept column."""
    numbers = range(count)
    return pd.DataFrame(
        {
            "record_id": [f"id{number:02d}" for number in numbers],
            "owner": [f"owner {number // 2}" for number in numbers],
            "text": [f"{SECRET} {number}" for number in numbers],
            "label": [number % 2 for number in numbers],
            "split": [("train", "valid", "test")[number // 2 % 3] for number in numbers],
            "topic": [("", "x")[number % 2] for number in numbers],
        }
    )


def message_of(function, *args, **options) -> str:
    with pytest.raises(UserError) as raised:
        function(*args, **options)
    message = str(raised.value)
    assert SECRET not in message
    assert all(problem.remedy or problem.allowed for problem in raised.value.problems), message
    return message


def spoilt(**changes) -> pd.DataFrame:
    """The good records with some cells of rows 1 and 2 replaced."""
    frame = records().astype(object)
    for name, value in changes.items():
        frame.loc[[1, 2], name] = value
    return frame


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"text": 5}, "text is not text"),
        ({"label": 0.5}, "not a whole number"),
        ({"label": "1"}, "not a whole number"),
        ({"owner": 3}, "owner is not text"),
    ],
)
def test_values_of_another_type_are_found(changes, part):
    assert part in message_of(check_records, spoilt(**changes), where="posts", classes=2)


def test_owners_may_hold_any_printable_characters():
    check_records(spoilt(owner="../é $(rm) 'x'; 日本 😀"), where="posts", classes=2)


def test_all_problems_are_told_together_and_only_five_rows_are_named():
    frame = (
        records().assign(text="", label=7).drop(columns="split").rename(columns={"owner": "Owner"})
    )
    message = message_of(check_records, frame, where="posts.csv", classes=2)
    assert "5 problems" not in message and message.startswith("4 problems")
    assert "did you mean 'Owner'?" in message and "column 'split' is missing" in message
    assert "12 records: 'id00', 'id01', 'id02', 'id03', 'id04', ..." in message


def test_empty_frames_and_missing_splits():
    assert "there are no records" in message_of(
        check_records, records().iloc[:0], where="posts", classes=2
    )
    message = message_of(check_records, records().assign(split="train"), where="posts", classes=2)
    assert "no record is in split test" in message and "12 train" in message


def test_validation_records_are_missed_where_something_needs_them():
    frame = records()
    frame["split"] = ["train", "train", "test", "test"] * 3
    check_records(frame, where="posts", classes=2)
    needed = {"valid": "base_postprocessed, fairsisa_ensemble"}
    message = message_of(check_records, frame, where="posts", classes=2, needed=needed)
    assert "no record is in split valid" in message and "6 train, 6 test" in message
    assert "valid is for base_postprocessed, fairsisa_ensemble" in message


@pytest.mark.parametrize("label", [0, 1])
def test_training_records_of_one_label_are_refused(label):
    """Also where the other one stands in another split."""
    frame = records()
    frame.loc[frame["split"] == "train", "label"] = label
    count = int((frame["split"] == "train").sum())
    for some in (frame, frame.assign(label=label)):
        message = message_of(check_records, some, where="posts", classes=2)
        assert "the training records have one label" in message
        assert f"label {label} in all {count} of them" in message
    frame.loc[frame["split"] != "train", "label"] = label  # of one label alone is no error there
    frame.loc[frame.index[frame["split"] == "train"][0], "label"] = 1 - label
    check_records(frame, where="posts", classes=2)


def test_the_digest_follows_content_alone():
    frame = records()
    digest = records_digest(frame)
    same = frame.sample(frac=1, random_state=2)[["topic", *COLUMNS]].astype(
        {"label": "int8", "text": object}
    )
    assert records_digest(same) == digest
    for name in frame:
        other = frame.astype(object)
        other.loc[3, name] = 0 if name == "label" else "other"
        assert records_digest(other) != digest, name
    assert records_digest(frame.rename(columns={"topic": "subject"})) != digest
    assert records_digest(frame.iloc[1:]) != digest


def test_fields_that_join_to_the_same_text_differ():
    """'ab' + 'c' and 'a' + 'bc'."""
    one = records(1).assign(owner="ab", text="c")
    two = records(1).assign(owner="a", text="bc")
    assert records_digest(one) != records_digest(two)


def test_parquet_files_are_equal_bytes_whole_and_come_back(tmp_path):
    frame = records().astype({name: "str" for name in records() if name != "label"})
    write_parquet(frame, tmp_path / "one" / "r.parquet")
    write_parquet(frame.set_axis(list("abcdefghijkl")), tmp_path / "two" / "r.parquet")
    one, two = ((tmp_path / folder / "r.parquet").read_bytes() for folder in ("one", "two"))
    assert one == two and not list(tmp_path.rglob("*.part"))
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "one" / "r.parquet"), frame)
    with pytest.raises(Exception, match="Arrow|convert|type"):
        write_parquet(frame.assign(text=[object()] * 12), tmp_path / "one" / "r.parquet")
    assert (tmp_path / "one" / "r.parquet").read_bytes() == one and not list(
        tmp_path.rglob("*.part")
    )


def test_damaged_parquet_is_named(tmp_path):
    path = tmp_path / "r.parquet"
    write_parquet(records(), path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "r.parquet" in message_of(read_parquet, path)
    assert "is missing" in message_of(read_parquet, tmp_path / "none.parquet")


def test_messages_show_values_only_where_they_cannot_be_texts():
    assert (
        shown(["b", "a", "two words", "x" * 25, "hello"], texts=["hello"])
        == "'a', 'b', 3 other values"
    )
    assert shown(["two words"]) == "1 different value"
    assert shown("abcdefg") == "'a', 'b', 'c', 'd', 'e', 2 other values"


def test_the_nearest_name_is_offered_only_when_it_is_near():
    assert nearest("lable", ["text", "Label"]) == "did you mean 'Label'?"
    assert nearest("colour", ["text", "label"]) == ""
