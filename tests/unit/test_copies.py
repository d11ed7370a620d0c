"""Texts that stand in several splits: counted, and kept in one where a study says so, by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from stepping import call, read_records

from palimpsest.data.copies import alike, copies, in_one_split
from palimpsest.data.readers import READERS
from palimpsest.data.storage import read_parquet
from palimpsest.files import read_json


def rows(*pairs: tuple[str, str]) -> pd.DataFrame:
    """(text, split) of each."""
    return pd.DataFrame(pairs, columns=["text", "split"])


def test_what_is_a_copy():
    """Case, white space, how letters are encoded and what is not seen make no other text; a letter,
    a sign or an accent does."""
    texts = [
        "Caf\u00e9 now",
        "cafe\u0301  NOW\n",
        "\ufeffcafé now",
        "Ｃafé now",
        "cafe now",
        "café now!",
    ]
    keys = alike(rows(*((text, "train") for text in texts)))
    assert keys.tolist() == ["café now"] * 4 + ["cafe now", "café now!"]
    pairs = pd.DataFrame({"prompt": ["Who?", "who?", ""], "completion": ["Ann", "ann", "who? Ann"]})
    assert alike(pairs.assign(split="train")).nunique() == 1


def test_copies_are_counted_by_split():
    """a stands in train (twice) and test, b in train alone (twice), c in valid and test."""
    frame = rows(
        ("a", "train"), ("A", "train"), ("a ", "test"), ("b", "train"), ("b", "train"),
        ("c", "valid"), ("c", "test"), ("d", "test"),
    )  # fmt: skip
    assert copies(frame) == {"train": 2, "valid": 1, "test": 2}
    assert copies(frame[frame["text"] == "b"]) == {}


def test_a_text_stays_in_the_first_of_its_splits():
    frame = rows(
        ("a", "train"), ("A", "train"), ("a ", "test"), ("b", "train"), ("b", "train"),
        ("c", "valid"), ("c", "holdout"), ("d", "extra"), ("d", "train"), ("e", None),
    )  # fmt: skip
    left, out = in_one_split(frame)
    assert left.index.tolist() == [2, 3, 4, 6, 7, 9] and copies(left) == {}
    assert out == {
        "train: its text stands in extra": 1,
        "train: its text stands in test": 2,
        "valid: its text stands in holdout": 1,
    }


def test_the_copies_of_a_text_are_drawn_together(tmp_path):
    """Of each text three copies, by three owners, in other spellings: without the key they fall
    apart."""
    source = tmp_path / "a.csv"
    spelled = [(f"{o}{n}", form(f"text {n}")) for n in range(200) for o, form in enumerate(FORMS)]
    frame = pd.DataFrame(spelled, columns=["who", "said"]).assign(label=lambda f: f.index % 2)
    frame.to_csv(source, index=False)
    data = {
        "reader": "table", "columns": {"text": "said", "label": "label", "owner": "who"},
        "split_shares": {"train": 0.6, "valid": 0.2, "test": 0.2},
    }  # fmt: skip
    apart, _ = read_records(data, [source])
    kept, _ = read_records(data | {"copies": "keep"}, [source])
    pd.testing.assert_frame_equal(apart, kept)
    together, report = read_records(data | {"copies": "together"}, [source])
    assert copies(apart) and copies(together) == {} and report.dropped == {}
    assert len(together) == 600 and together["record_id"].tolist() == apart["record_id"].tolist()
    shares = together["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.6, abs=0.1) and shares["test"] > 0.1


FORMS = (str, str.upper, lambda text: f"  {text} ")


def test_copies_across_given_splits_are_left_out_of_training_and_told(tmp_path, caplog):
    """Official files: two of the three training rows stand in test as well. One of them is divided,
    too."""
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("said,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(40)))
    test.write_text("said,label\nText 3,1\n text 4,0\nnew,1\n")
    data = {
        "reader": "table", "columns": {"text": "said", "label": "label"}, "classes": 2,
        "split_shares": {"train": {"train": 0.8, "valid": 0.2}},
    }  # fmt: skip
    files = ["--source", train, test, "--splits", "train", "test"]
    written = [f"--{name}={tmp_path / name}" for name in ("records", "report")]
    settings = data | {"reader": READERS["table"], "fields": ["text", "label"]}
    call("records", *files, *written, **settings)
    told = read_json(tmp_path / "report")
    assert told["copies"]["test"] == 2 and told["dropped"] == {}
    assert sum(told["copies"].values()) == 4 and told["by_split"]["test"] == 3
    assert "texts stand in several splits" in caplog.text and "text 3" not in caplog.text
    caplog.clear()
    call("records", *files, *written, **settings, copies="together")
    told = read_json(tmp_path / "report")
    assert told["copies"] == {} and sum(told["dropped"].values()) == 2
    assert all(reason.endswith("its text stands in test") for reason in told["dropped"])
    records = read_parquet(tmp_path / "records")
    assert len(records) == 41 and (records["split"] == "test").sum() == 3
    assert "several splits" not in caplog.text
