"""Novels: two invented ones, and the real ones with what is known of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from palimpsest.data.novels import is_heading, names_of, novel_of, places, read_novels, runs
from palimpsest.data.positions import UNLISTED
from palimpsest.data.readers import novels
from palimpsest.data.spans import read_spans
from palimpsest.errors import UserError

MIRROR = Path(
    os.environ.get("PALIMPSEST_MIRROR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
HOUND, MINES = (
    MIRROR / "novels" / f"{name}.txt" for name in ("Doyle_Hound_1902", "Haggard_Mines_1885")
)
needs_mirror = pytest.mark.skipif(
    not HOUND.is_file(),
    reason=f"needs {HOUND}; set PALIMPSEST_MIRROR to a mirror that has it",
)
# Ada thrice within sentences, Rose thrice but small in the other, Bly twice, London in both.
SEA = """The Sea

Chapter 1

At dawn, Ada rose. Then came Ada's boat, and
Bly with Ada in it from London.

Chapter 2

So Rose and Rose saw Rose, and Bly too."""
HILL = "Hill\n\nIn London, Cyrus had a rose for Cyrus, not Cyrus."
SETTINGS = {"passages": {"train": [1], "holdout": ["2-3"]}, "words": 5, "prompt_words": 2}


@pytest.fixture
def files(tmp_path):
    hill = HILL + " He slept and woke and slept again."  # 17 words
    for name, text in (("sea", SEA), ("0123abcd-hill", hill)):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    return [tmp_path / "sea.txt", tmp_path / "0123abcd-hill.txt"]


def test_passages_are_of_equal_length_and_within_a_chapter():
    """17 words in the first chapter and 9 in the second: 2 and 9 mod 5 of them are left over."""
    assert runs(SEA, 5) == [
        "At dawn, Ada rose. Then".split(),
        "came Ada's boat, and Bly".split(),
        "with Ada in it from".split(),
        "So Rose and Rose saw".split(),
    ]


@pytest.mark.parametrize(
    ("paragraph", "heading"),
    [
        ("CHAPTER I.", True),
        ("The Old Sea-dog", True),
        ("  PART ONE -- The Old\nBuccaneer.", True),
        ("Come in.", False),
        ("", False),
        ("one " * 13, False),
    ],
)
def test_headings(paragraph, heading):
    assert is_heading(paragraph) == heading


def test_names_are_what_one_novel_has_alone_and_always_capital():
    """Rose is small in the other; Bly stands there once within a sentence; London is in both."""
    assert names_of({"sea": SEA, "hill": HILL}) == {"sea": ["Ada"], "hill": ["Cyrus"]}


def test_places_of_names_in_a_text():
    assert places("Ada's and Adam, ADA, (Ada)", ["Ada"]) == [(0, 3), (22, 25)]


def test_records_by_hand(files):
    rows, settings = novels.read(SETTINGS, files)
    assert settings["splits"][UNLISTED] == "drop" and settings["words"] == 5
    assert list(rows) == [
        "record_id", "owner", "prompt", "completion", "split", "part", "spans", "names",
    ]  # fmt: skip
    assert [tuple(row) for row in rows.itertuples(index=False)][:4] == [
        ("sea-0001", "sea", "At dawn,", "Ada rose. Then", "train", "", "[[0, 3]]", '["Ada"]'),
        ("sea-0002", "sea-0002", "came Ada's", "boat, and Bly", "holdout", "sea", "[]", '["Ada"]'),
        ("sea-0003", "sea-0003", "with Ada", "in it from", "holdout", "sea", "[]", '["Ada"]'),
        ("sea-0004", "sea", "So Rose", "and Rose saw", UNLISTED, "", "[]", '["Ada"]'),
    ]
    assert rows["owner"].tolist()[4:] == ["hill", "hill-0002", "hill-0003"]


def test_words_that_a_line_broke_are_whole(tmp_path, files):
    files[0].write_text("He was a law- yer, a ban-\nker. A well- Known one - he said.")
    rows = read_novels(files, passages={"train": ["1-2"]}, words=5, prompt_words=3)
    assert rows["completion"].tolist()[:2] == ["lawyer, a", "Known one"]
    assert rows["prompt"].tolist()[1] == "banker. A well-"


def test_all_that_is_wrong_is_told_together(tmp_path, files):
    with pytest.raises(UserError) as caught:
        read_novels(files, passages={"train": ["1-9"]}, words=5, prompt_words=2)
    said = str(caught.value)
    assert "data.passages of sea.train" in said and "data.passages of hill.train" in said
    assert "positions from 1 to 4" in said and "positions from 1 to 3" in said
    (tmp_path / "hill.txt").write_text("x")
    with pytest.raises(UserError) as caught:
        read_novels(
            [files[1], tmp_path / "hill.txt"], passages={"train": [1]}, words=5, prompt_words=5
        )
    said = str(caught.value)
    assert "two novels have one name" in said and "a prompt leaves no word to go on with" in said
    assert "name two or more files" in said


def test_the_name_of_a_fetched_file():
    assert novel_of(Path("0123abcd-Doyle_Hound_1902.txt.gz")) == "Doyle_Hound_1902"


@needs_mirror
def test_the_real_novels_have_their_people_and_places():
    passages = {"train": ["1-80"], "holdout": ["101-140"]}
    rows = read_novels([HOUND, MINES], passages=passages, words=60, prompt_words=20)
    of = rows.drop_duplicates("names").set_index("owner")["names"].map(json.loads)
    assert {"Holmes", "Watson", "Baskerville", "Grimpen", "Dartmoor"} < set(of[HOUND.stem])
    assert {"Quatermain", "Umbopa", "Kukuanaland"} < set(of[MINES.stem])
    assert not {"Henry", "London", "Sir", "Moor", "The", "I"} & {*of[HOUND.stem], *of[MINES.stem]}
    shown = {
        text[start:end]
        for text, cell in zip(rows["completion"], rows["spans"], strict=True)
        for start, end in read_spans(cell)
    }
    assert shown <= {*of[HOUND.stem], *of[MINES.stem]} and len(shown) > 50
    assert (rows["prompt"].map(lambda text: len(text.split())) == 20).all()
    assert (rows["completion"].map(lambda text: len(text.split())) == 40).all()
