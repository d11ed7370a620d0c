"""TOFU: the real files with their published counts and order, and invented ones for what can be
wrong with them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from palimpsest.data.positions import UNLISTED, split_positions
from palimpsest.data.tofu import read_tofu, tofu_candidates, tofu_questions
from palimpsest.errors import UserError

MIRROR = Path(
    os.environ.get("PALIMPSEST_MIRROR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
TOFU = MIRROR / "tofu"
needs_mirror = pytest.mark.skipif(
    not (TOFU / "full.json").is_file(),
    reason=f"needs {TOFU}; set PALIMPSEST_MIRROR to a mirror that has it",
)
AUTHORS = {"train": ["1-2"], "holdout": [3]}


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pair(author: int, number: int) -> dict[str, str]:
    """The first question is the same for all authors."""
    return {
        "question": f"Q{author}.{number}" if number > 1 else "Q?",
        "answer": f"A{author}.{number}",
    }


def item(author: int, number: int, *, paraphrase: str = "P", wrong=("W1", "W2")) -> dict:
    return {
        **pair(author, number),
        "paraphrased_answer": f"{paraphrase}{author}.{number}",
        "perturbed_answer": list(wrong),
    }


@pytest.fixture
def files(tmp_path):
    """Three authors, two real ones, one fact."""
    return [
        write(
            tmp_path / "full.json",
            [pair(author, number) for author in (1, 2, 3) for number in range(1, 21)],
        ),
        write(
            tmp_path / "real_authors.json",
            [{"question": f"R{n}", "answer": f"B{n}", "option1": "x"} for n in (1, 2)],
        ),
        write(tmp_path / "world_facts.json", [{"question": "F1", "answer": "C1", "option1": "x"}]),
    ]


def test_owners_ids_splits_and_parts_by_hand(files):
    frame = read_tofu(files, authors=AUTHORS | {"train": ["2"]})
    assert list(frame) == ["record_id", "owner", "prompt", "completion", "split", "part"]
    assert len(frame) == 63 and frame.record_id.is_unique
    chosen = frame.set_index("record_id").loc[
        ["author-001-01", "author-002-20", "author-003-07", "real-authors-002", "world-facts-001"]
    ]
    assert [tuple(row) for row in chosen.itertuples(index=False)] == [
        ("author-001", "Q?", "A1.1", UNLISTED, ""),
        ("author-002", "Q2.20", "A2.20", "train", ""),
        ("author-003", "Q3.7", "A3.7", "holdout", ""),
        ("real-authors-002", "R2", "B2", "test", "real_authors"),
        ("world-facts-001", "F1", "C1", "test", "world_facts"),
    ]


def test_candidates_are_joined_by_question_and_answer_and_the_rest_is_counted(files, tmp_path):
    """The question of record 1 stands with all authors; author 4 is none; a file of another order,
    and one that repeats an item."""
    files += [
        write(tmp_path / "retain_perturbed.json", [item(2, 1), item(4, 5), item(1, 3)]),
        write(
            tmp_path / "forget01_perturbed.json",
            [item(1, 3), {**pair(3, 2), "answer": "another", "perturbed_answer": ["W"]}],
        ),
        write(
            tmp_path / "world_facts_perturbed.json",
            [{"question": "F1", "answer": "C1", "perturbed_answer": ["D1"]}],
        ),
    ]
    with pytest.raises(UserError, match="'paraphrased_answer' holds something else"):
        tofu_candidates(files, read_tofu(files, authors=AUTHORS))
    write(files[-2], [item(1, 3), {**item(3, 2), "answer": "another"}])
    candidates, unmatched = tofu_candidates(files, read_tofu(files, authors=AUTHORS))
    assert unmatched == {
        "retain_perturbed.json": 1,
        "forget01_perturbed.json": 1,
        "world_facts_perturbed.json": 0,
    }
    assert [tuple(row) for row in candidates.itertuples(index=False)] == [
        ("author-001-03", "paraphrase", 1, "P1.3"),
        ("author-001-03", "perturbed", 1, "W1"),
        ("author-001-03", "perturbed", 2, "W2"),
        ("author-002-01", "paraphrase", 1, "P2.1"),
        ("author-002-01", "perturbed", 1, "W1"),
        ("author-002-01", "perturbed", 2, "W2"),
        ("world-facts-001", "perturbed", 1, "D1"),
    ]


def test_questions_in_other_words_are_joined_by_question_and_answer(files, tmp_path):
    """The first question is the same for all authors; an item of two files counts once; one
    without another question, or of no record, is left out."""
    asked = [item(1, 1) | {"paraphrased_question": "Which?"},
             item(2, 1) | {"paraphrased_question": "Whose?"},
             item(2, 5) | {"paraphrased_question": " "},
             item(9, 2) | {"paraphrased_question": "Who else?"}]  # fmt: skip
    files = [
        *files,
        write(tmp_path / "forget01_perturbed.json", asked[1:2]),
        write(tmp_path / "forget05_perturbed.json", asked),
        write(tmp_path / "world_facts_perturbed.json",
              [{"question": "F1", "answer": "C1", "perturbed_answer": ["D"]}]),
    ]  # fmt: skip
    found = tofu_questions(files, read_tofu(files, authors=AUTHORS))
    assert sorted(found.itertuples(index=False, name=None)) == [
        ("author-001-01", "Which?"),
        ("author-002-01", "Whose?"),
    ]
    assert tofu_questions(files[:3], read_tofu(files[:3], authors=AUTHORS)).empty


def test_unlike_candidates_for_one_record_are_refused(files, tmp_path):
    files += [
        write(tmp_path / f"{name}_perturbed.json", [item(1, 3, paraphrase=name)])
        for name in ("forget01", "forget05")
    ]
    with pytest.raises(UserError) as error:
        tofu_candidates(files, read_tofu(files, authors=AUTHORS))
    assert "1 records, the first 'author-001-03'" in str(error.value)


def test_files_of_the_hub_are_known_by_the_end_of_their_names(files, tmp_path):
    parquet = tmp_path / "0a1b2c3d-locuslab-TOFU-full-train.parquet"
    pd.DataFrame([pair(1, number) for number in range(1, 21)]).to_parquet(parquet)
    perturbed = tmp_path / "0a1b2c3d-locuslab-TOFU-forget01_perturbed-train.parquet"
    pd.DataFrame([item(1, 3)]).to_parquet(perturbed)
    given = [parquet, *files[1:], perturbed, tmp_path / "forget01.json"]
    frame = read_tofu(given, authors={"train": [1]})
    assert len(frame) == 23 and tofu_candidates(given, frame)[0].completion.tolist() == [
        "P1.3",
        "W1",
        "W2",
    ]


def test_what_is_wrong_with_the_files_is_told_together(files, tmp_path):
    stranger = write(tmp_path / "fullest.json", [])
    write(files[2], [{"question": "secret", "answer": " "}, {"question": "secret", "answer": None}])
    with pytest.raises(UserError) as error:
        read_tofu([files[0], files[0], files[2], stranger], authors=AUTHORS)
    told = str(error.value)
    for part in (
        "no file of TOFU",
        "TOFU's full is needed once",
        "TOFU's real_authors is needed once",
        "2 rows, the first is row 1",
    ):
        assert part in told
    assert "secret" not in told
    write(files[0], [pair(1, number) for number in range(1, 20)])
    write(files[2], [{"question": "F1", "answer": "C1"}])
    with pytest.raises(UserError, match="19 rows"):
        read_tofu(files, authors=AUTHORS)


def test_positions_by_hand():
    assert split_positions({"train": ["2-3"], "extra": [5]}, 6, "s") == [
        UNLISTED,
        "train",
        "train",
        UNLISTED,
        "extra",
        UNLISTED,
    ]
    assert split_positions({"train": "1-2"}, 2, "s") == ["train", "train"]


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ({"trian": ["1"]}, ["s.trian"]),
        ({"train": ["0-2"]}, ["s.train"]),
        ({"train": ["2-1", "x", "-3", 1.5]}, ["s.train"] * 4),
        ({"train": ["5-7"]}, ["s.train"]),
        ({"train": ["1-3"], "extra": ["3-4"]}, ["s"]),
    ],
)
def test_wrong_positions_are_refused(setting, where):
    with pytest.raises(UserError) as error:
        split_positions(setting, 6, "s")
    assert [problem.where for problem in error.value.problems] == where


@needs_mirror
def test_the_real_files_have_the_published_counts():
    """200 authors of 20 records, 100 and 117 questions; perturbed: 400 records to forget and 400 to
    retain with 5 wrong answers and a paraphrase each, 217 questions with 3 wrong answers: 800
    paraphrases and 5 * 800 + 3 * 217 = 4,651 wrong answers.
    """
    authors = {"train": ["121-200"], "extra": ["1-20"], "holdout": ["21-40"], "valid": ["41-50"]}
    frame = read_tofu(sorted(TOFU.iterdir()), authors=authors)
    assert frame.record_id.is_unique and frame.groupby("part").size().to_dict() == {
        "": 4_000,
        "real_authors": 100,
        "world_facts": 117,
    }
    counts = frame.groupby("split").owner.nunique().to_dict()
    assert counts == {
        "train": 80,
        "extra": 20,
        "holdout": 20,
        "valid": 10,
        "test": 217,
        UNLISTED: 70,
    }
    assert (frame[frame.part == ""].groupby("owner").size() == 20).all()
    candidates, unmatched = tofu_candidates(sorted(TOFU.iterdir()), frame)
    assert len(unmatched) == 6 and set(unmatched.values()) == {0}
    assert candidates.groupby("kind").size().to_dict() == {"paraphrase": 800, "perturbed": 4_651}
    owners = set(candidates.record_id.str.extract(r"(author-\d+)")[0].dropna())
    assert owners == {f"author-{n:03d}" for n in (*range(1, 21), *range(181, 201))}


@needs_mirror
@pytest.mark.parametrize(("share", "first"), [("01", 199), ("05", 191), ("10", 181)])
def test_the_published_forget_sets_are_the_last_authors(share, first):
    """By content: forgetNN is, record by record, what the authors from ``first`` on have, and
    retainNN the others."""
    frame = read_tofu(sorted(TOFU.iterdir()), authors={})
    frame = frame[frame.part == ""]
    inside = frame.owner >= f"author-{first:03d}"
    for name, rows in (
        (f"forget{share}", frame[inside]),
        (f"retain{100 - int(share)}", frame[~inside]),
    ):
        published = [
            json.loads(line)
            for line in (TOFU / f"{name}.json").read_text(encoding="utf-8").split("\n")
            if line
        ]
        assert [(row["question"], row["answer"]) for row in published] == list(
            zip(rows.prompt, rows.completion, strict=True)
        )


@needs_mirror
def test_twenty_records_in_a_row_are_of_one_author():
    """The pair of capitalised words that most records of an owner share is said in at least 5 of
    the 20 and is another for each owner."""
    frame = read_tofu(sorted(TOFU.iterdir()), authors={})
    common = []
    for _, rows in frame[frame.part == ""].groupby("owner"):
        texts = rows.prompt + " . " + rows.completion
        pairs = Counter(
            pair
            for text in texts
            for pair in set(re.findall(r"[A-Z][\w'’-]+ (?:[a-z]+ )?[A-Z][\w'’-]+", text))
        )
        common.append(pairs.most_common(1)[0])
    assert len({name for name, _ in common}) == 200 and min(count for _, count in common) >= 5
