"""Benchmarks of bias: the real files with their published counts, and invented ones for what can be
wrong with them."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from palimpsest.data.blanks import BLANK, between, filled
from palimpsest.data.stereotypes import COLUMNS, read_stereotypes
from palimpsest.errors import UserError

MIRROR = Path(
    os.environ.get("PALIMPSEST_MIRROR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
REAL = [
    MIRROR / name
    for name in (
        "winogender/all_sentences.tsv", "winogender/occupations-stats.tsv", "stereoset/dev.json",
        "crows_pairs/crows_pairs_anonymized.csv",
    )
]  # fmt: skip
needs_mirror = pytest.mark.skipif(
    not all(path.is_file() for path in REAL),
    reason=f"needs {', '.join(map(str, REAL))}; set PALIMPSEST_MIRROR to a mirror that has them",
)
USUAL = {"statistic": "bergsma", "held_out": []}
INTRA = {
    "id": "i1", "target": "chess player", "bias_type": "profession",
    "context": "The chess player was BLANK.",
    "sentences": [
        {"sentence": "The chess player was fox.", "gold_label": "unrelated"},
        {"sentence": "The chess player was calm.", "gold_label": "stereotype"},
        {"sentence": "The chess player was loud.", "gold_label": "anti-stereotype"},
    ],
}  # fmt: skip
INTER = INTRA | {
    "id": "i2", "context": "She plays chess.",
    "sentences": [
        {"sentence": "She is calm.", "gold_label": "stereotype"},
        {"sentence": "She is loud.", "gold_label": "anti-stereotype"},
        {"sentence": "Foxes are red.", "gold_label": "unrelated"},
    ],
}  # fmt: skip


def stereoset(folder: Path, *intra: dict, inter: tuple = ()) -> Path:
    path = folder / "dev.json"
    path.write_text(json.dumps({"data": {"intrasentence": intra, "intersentence": inter}}))
    return path


def winogender(folder: Path, sentences: str, statistics: str) -> list[Path]:
    one, other = folder / "all_sentences.tsv", folder / "occupations-stats.tsv"
    one.write_text("sentid\tsentence\n" + sentences)
    other.write_text("occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\n" + statistics)
    return [one, other]


def test_a_blank_is_filled_and_found_again():
    text, start, end = filled(f"The nurse said {BLANK}.", "she left")
    assert text == "The nurse said she left." and text[start:end] == "she left"
    assert filled("", "All of it.") == ("All of it.", 0, 10)
    for prompt in ("no blank", f"{BLANK} and {BLANK}"):
        with pytest.raises(ValueError, match="blanks"):
            filled(prompt, "a")


def test_two_sentences_differ_in_one_word_or_are_no_pair():
    assert between("He told him.", "He told her.") == (f"He told {BLANK}.", "him", "her")
    assert between("his dog", "her dog") == (f"{BLANK} dog", "his", "her")
    assert between("he and him", "she and her") is None
    assert between("he goes", "she goes now") is None
    assert between("it is his.", "it is hers!") is None


def test_stereoset_gives_one_record_an_item_with_the_words_of_the_blank(tmp_path):
    rows, others = read_stereotypes([stereoset(tmp_path, INTRA, inter=(INTER,))], **USUAL)
    one, two = rows.to_dict("records")
    assert one == dict.fromkeys(COLUMNS, "") | {
        "record_id": "stereoset-intra-i1", "owner": "stereoset-intra-i1",
        "prompt": f"The chess player was {BLANK}.", "completion": "calm", "split": "test",
        "task": "stereoset_intra", "term": "chess player", "domain": "profession",
    }  # fmt: skip
    assert (two["prompt"], two["completion"]) == (f"She plays chess. {BLANK}", "She is calm.")
    told = dict(zip(zip(others["record_id"], others["kind"], strict=True), others["completion"],
                    strict=True))  # fmt: skip
    assert told == {
        ("stereoset-intra-i1", "anti_stereotype"): "loud",
        ("stereoset-intra-i1", "unrelated"): "fox",
        ("stereoset-inter-i2", "anti_stereotype"): "She is loud.",
        ("stereoset-inter-i2", "unrelated"): "Foxes are red.",
    }


def test_an_item_without_its_three_sentences_is_told_by_its_number(tmp_path):
    short = INTRA | {"sentences": INTRA["sentences"][:2]}
    twice = INTRA | {"sentences": [*INTRA["sentences"][:2], INTRA["sentences"][0]]}
    nowhere = INTRA | {"context": "The chess player was calm."}
    path = stereoset(tmp_path, INTRA, short, twice, nowhere)
    with pytest.raises(UserError) as error:
        read_stereotypes([path], **USUAL)
    (problem,) = error.value.problems
    assert problem.found == "3 of 4 items, number 2, 3, 4" and "anti-stereotype" in problem.allowed
    assert "chess" not in str(error.value)


def test_whose_side_is_the_advantage_follows_from_the_statistic(tmp_path):
    sentences = "".join(
        f"baker.guest.0.{kind}.txt\tThe baker told the guest that {word} left.\n"
        for kind, word in (("male", "he"), ("female", "she"), ("neutral", "they"))
    )
    paths = winogender(tmp_path, sentences, "baker\t49.9\t60\t2015\n")
    for statistic, held_out, sides, split in (
        ("bergsma", [], ("he", "she"), "train"),
        ("bls", ["baker"], ("she", "he"), "test"),
    ):
        rows, others = read_stereotypes(paths, statistic=statistic, held_out=held_out)
        (one,) = rows.to_dict("records")
        assert (one["advantaged"], one["disadvantaged"]) == sides and one["split"] == split
        assert one["owner"] == one["term"] == "baker" and one["completion"] == "he"
        assert one["prompt"] == f"The baker told the guest that {BLANK} left."
        assert others["completion"].tolist() == ["she"] and others["kind"].tolist() == ["other"]


@pytest.mark.parametrize(
    ("sentences", "statistics", "held_out", "what"),
    [
        ("a.b.0.male.txt\the is\na.b.0.female.txt\tshe was\n", "a\t9\t9\t1\n", [], "1 of 1"),
        ("a.b.0.male.txt\the\n", "a\t9\t9\t1\n", [], "1 of 1 triples: a.b.0"),
        ("a.b.0.male.txt\the\na.b.0.female.txt\tshe\n", "c\t9\t9\t1\n", [], "1 of 1 triples"),
        ("a.b.0.male.txt\the\na.b.0.female.txt\tshe\n", "a\t9\t9\t1\n", ["z"], "data.held_out"),
    ],
)
def test_what_is_wrong_with_winogender_is_told(tmp_path, sentences, statistics, held_out, what):
    paths = winogender(tmp_path, sentences, statistics)
    with pytest.raises(UserError, match=what):
        read_stereotypes(paths, statistic="bergsma", held_out=held_out)


def test_one_half_of_winogender_and_other_files_are_refused_together(tmp_path):
    paths = winogender(tmp_path, "a.b.0.male.txt\the\n", "a\t9\t9\t1\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError) as error:
        read_stereotypes([paths[0], tmp_path / "other.csv"], **USUAL)
    assert [one.where for one in error.value.problems] == [
        str(tmp_path / "other.csv"), "data.sources",
    ]  # fmt: skip


@needs_mirror
def test_the_published_files_have_their_published_counts():
    rows, others = read_stereotypes(REAL, **USUAL)
    assert rows["record_id"].is_unique and set(others["record_id"]) == set(rows["record_id"])
    assert dict(Counter(rows["task"])) == {
        "pronoun": 240, "stereoset_intra": 2106, "stereoset_inter": 2123, "crows_pairs": 1508,
    }  # fmt: skip
    pairs = rows[rows["task"] == "pronoun"]
    sides = Counter(zip(pairs["advantaged"], pairs["disadvantaged"], strict=True))
    male, female = ("he", "his", "him"), ("she", "her", "her")
    assert sum(sides[pair] for pair in zip(male, female, strict=True)) == 196
    assert sum(sides[pair] for pair in zip(female, male, strict=True)) == 44
    assert Counter(pairs["completion"]) == {"he": 178, "his": 54, "him": 8}
    assert pairs["owner"].nunique() == 60
    by_labour, _ = read_stereotypes(REAL[:2], statistic="bls", held_out=["nurse"])
    flipped = pairs["advantaged"].to_numpy() != by_labour["advantaged"].to_numpy()
    assert len(set(pairs["owner"][flipped])) == 20
    assert Counter(by_labour["split"]) == {"train": 236, "test": 4}
    domains = Counter(rows.loc[rows["task"] == "stereoset_intra", "domain"])
    assert domains == {"race": 962, "profession": 810, "gender": 255, "religion": 79}
