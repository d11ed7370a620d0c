"""HateXplain: the table form with its real counts, the official pair on invented posts, and a
ledger for each."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from stepping import read_records

from palimpsest.data.hatexplain import GROUPS
from palimpsest.data.ledger import read_ledger
from palimpsest.data.sources import fetched_name, locate_all
from palimpsest.errors import UserError
from palimpsest.study.load import load_study

CONFIG = Path(__file__).resolve().parents[2] / "config"
MIRROR = Path(
    os.environ.get("PALIMPSEST_MIRROR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
TABLE = MIRROR / "hatexplain" / "hatexplain.csv"
DATA = {"reader": "hatexplain"}


needs_mirror = pytest.mark.skipif(
    not TABLE.is_file(), reason=f"needs {TABLE}; set PALIMPSEST_MIRROR to a mirror that has it"
)


def requests(**given) -> list[tuple[str, ...]]:
    """The owners of each request, of the ledger that the study takes."""
    study = load_study({"study": "hatexplain", **given}, CONFIG)
    return [request.owners for request in read_ledger(CONFIG.parent / study["ledger"])]


@needs_mirror
def test_the_real_table_has_the_published_counts():
    """15,357 + 1,920 + 1,917 posts with a majority, 915 without: 20,109. Normal: 6,243 of the posts
    in train."""
    frame, report = read_records(DATA, [TABLE], classes=2)
    assert report.by_split == {"train": 15_357, "valid": 1_920, "test": 1_917}
    assert report.dropped == {"split 'undecided'": 915} and report.read == 20_109
    assert list(frame) == ["record_id", "owner", "text", "label", "split", *GROUPS]
    assert int((frame["label"] == 0)[frame["split"] == "train"].sum()) == 6_243
    assert frame["record_id"].is_unique and (frame["owner"] == frame["record_id"]).all()
    for column, (none, members) in GROUPS.items():
        assert none in set(frame[column]) and set(frame[column]) - {none} <= members


def post(*annotators: tuple[str, list[str]], tokens=("some", "words")) -> dict:
    return {
        "annotators": [
            {"label": label, "annotator_id": n, "target": t}
            for n, (label, t) in enumerate(annotators)
        ],
        "rationales": [],
        "post_tokens": list(tokens),
    }


POSTS = {
    "1_a": post(
        ("hatespeech", ["Arab", "Islam"]),
        ("offensive", ["African", "Arab"]),
        ("offensive", ["African", "Islam", "Arab", "Women"]),
    ),
    "2_a": post(
        ("normal", ["None"]),
        ("normal", ["Women"]),
        ("hatespeech", ["None"]),
        tokens=("other", "words"),
    ),
    "3_a": post(("normal", ["None"]), ("offensive", ["Men"]), ("hatespeech", ["Men"])),
    "4_a": post(
        ("hatespeech", ["Women", "Men"]),
        ("hatespeech", ["Men", "Women"]),
        ("hatespeech", ["Refugee"]),
    ),
    "5_a": post(("normal", ["None"]), ("normal", ["None"]), ("normal", ["None"])),
}
DIVISIONS = {"train": ["1_a"], "val": ["2_a"], "test": ["4_a"]}


def official(folder: Path, posts: dict, divisions: dict) -> list[Path]:
    paths = [folder / "dataset.json", folder / "post_id_divisions.json"]
    for path, value in zip(paths, (posts, divisions), strict=True):
        path.write_text(json.dumps(value))
    return paths


def test_the_official_pair(tmp_path):
    """The posts one by one.

    1_a: two of three say offensive; Arab has 3 marks, African and Islam 2, Women 1. 2_a: normal, no
    target with two marks. 3_a: three labels, no majority. 4_a: Men and Women have two marks each,
    the first by name stands. 5_a: in no division.
    """
    frame, report = read_records(DATA, official(tmp_path, POSTS, DIVISIONS), classes=2)
    rows = frame.set_index("record_id").to_dict("index")
    assert list(rows) == ["1_a", "2_a", "4_a"]
    assert [row["label"] for row in rows.values()] == [1, 0, 1]
    assert [row["split"] for row in rows.values()] == ["train", "valid", "test"]
    expected = ["Arab", "Islam", "No_gender", "No_orientation", "Not Avalaible"]
    assert [rows["1_a"][column] for column in GROUPS] == expected
    assert [rows["2_a"][column] for column in GROUPS] == [none for none, _ in GROUPS.values()]
    assert rows["4_a"]["Gender"] == "Men" and rows["4_a"]["Miscellaneous"] == "Not Avalaible"
    assert rows["2_a"]["text"] == "other words"
    assert report.read == 5 and report.dropped == {"split 'undecided'": 1, "split 'unlisted'": 1}


def test_both_forms_give_the_same_posts(tmp_path):
    """All but the ids: the table names a post by its row, as it lacks the official id of many; so
    each form needs its ledger."""
    posts = {
        "9_b": post(*[("hatespeech", ["Islam", "Men"])] * 3, tokens=("<user>", "one")),
        "8_b": post(*[("normal", ["None"])] * 3, tokens=("two", "<number>")),
        "7_b": post(*[("offensive", ["Women"])] * 2, ("normal", ["None"]), tokens=("three",)),
    }
    table = [
        ["row", "post_id", "split", "majority_label", *GROUPS, "comment"],
        [
            "0",
            "7_b",
            "test",
            "offensive",
            "No_race",
            "Nonreligious",
            "Women",
            "No_orientation",
            "Not Avalaible",
            "three",
        ],
        [
            "1",
            "",
            "train",
            "hatespeech",
            "No_race",
            "Islam",
            "Men",
            "No_orientation",
            "Not Avalaible",
            "<user> one",
        ],
        [
            "2",
            "8_b",
            "val",
            "normal",
            "No_race",
            "Nonreligious",
            "No_gender",
            "No_orientation",
            "Not Avalaible",
            "two <number>",
        ],
    ]
    with open(tmp_path / "hatexplain.csv", "w", newline="") as file:
        csv.writer(file).writerows(table)
    divisions = {"train": ["9_b"], "val": ["8_b"], "test": ["7_b"]}
    forms = {
        "official": official(tmp_path, posts, divisions),
        "table": [tmp_path / "hatexplain.csv"],
    }
    frames = {
        name: read_records(DATA, paths, classes=2)[0].set_index("record_id")
        for name, paths in forms.items()
    }
    assert frames["official"]["text"].to_dict() == {
        "7_b": "three",
        "8_b": "two <number>",
        "9_b": "<user> one",
    }
    assert frames["table"]["text"].to_dict() == {
        "0": "three",
        "1": "<user> one",
        "2": "two <number>",
    }
    same = [
        frame.drop(columns="owner").sort_values("text", ignore_index=True)
        for frame in frames.values()
    ]
    assert same[0].equals(same[1])


def test_what_was_fetched_is_known_by_the_end_of_its_name(tmp_path):
    study = load_study({"study": "hatexplain"}, CONFIG)
    pair = official(tmp_path, POSTS, DIVISIONS)
    fetched = [
        path.rename(tmp_path / fetched_name(one))
        for path, one in zip(pair, study["data"]["sources"], strict=True)
    ]
    assert len(read_records(DATA, fetched, classes=2)[0]) == 3


def test_without_a_mirror_all_is_fetched_and_each_source_has_a_file():
    study = load_study({"study": "hatexplain"}, CONFIG)
    sources = study["data"]["sources"] + study["tokenizers"]["english-8k"]["corpus"]
    assert [files for _, files in locate_all(sources, None, Path())] == [None] * 21
    assert len({fetched_name(source) for source in sources}) == 21


@needs_mirror
def test_the_owners_of_either_ledger_are_in_its_data():
    """One post, the same in both, then 150 others; all of the training split."""
    named, table = requests(), requests(mirror=str(MIRROR))
    assert [len(owners) for owners in named] == [len(owners) for owners in table] == [1, 150]
    divisions = json.loads((MIRROR / "hatexplain" / "post_id_divisions.json").read_text())
    assert {owner for owners in named for owner in owners} <= set(divisions["train"])
    frame, _ = read_records(DATA, [TABLE])
    assert {owner for owners in table for owner in owners} <= set(
        frame["owner"][frame["split"] == "train"]
    )
    with open(TABLE, newline="", encoding="utf-8") as file:
        ids = {row["row"]: row["post_id"] for row in csv.DictReader(file)}
    assert ids[table[0][0]] == named[0][0]


@needs_mirror
def test_the_mirror_has_every_file_of_the_study():
    study = load_study({"study": "hatexplain"}, CONFIG)
    corpus = locate_all(study["tokenizers"]["english-8k"]["corpus"], str(MIRROR), Path())
    novels = [path for _, files in corpus[1:] for path in files]
    assert novels == sorted((MIRROR / "novels").glob("*.txt")) and len(novels) == 18


def test_three_classes_are_a_matter_of_the_mapping(tmp_path):
    labels = {"normal": 0, "offensive": 1, "hatespeech": 2}
    frame, _ = read_records(
        {**DATA, "labels": labels}, official(tmp_path, POSTS, DIVISIONS), classes=3
    )
    assert frame["label"].tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("posts", "divisions", "message"),
    [
        (POSTS, {**DIVISIONS, "test": ["9_z"]}, "'9_z'"),
        ({**POSTS, "1_a": {"post_tokens": ["x"]}}, DIVISIONS, "posts of another form"),
        ({**POSTS, "1_a": {**POSTS["1_a"], "annotators": []}}, DIVISIONS, "posts of another form"),
        (list(POSTS), DIVISIONS, "not a JSON object"),
    ],
)
def test_files_of_another_form_are_explained(tmp_path, posts, divisions, message):
    with pytest.raises(UserError, match=message) as raised:
        read_records(DATA, official(tmp_path, posts, divisions))
    assert "words" not in str(raised.value) and raised.value.problems[0].remedy


def test_half_of_the_pair_is_not_enough(tmp_path):
    with pytest.raises(UserError, match="not the files of HateXplain"):
        read_records(DATA, official(tmp_path, POSTS, DIVISIONS)[:1])
