"""HH-RLHF and RealToxicityPrompts: invented rows for what is read and what can be wrong, and counts
of the real files, whose text is never shown."""

from __future__ import annotations

import copy
import gzip
import json
import os
from pathlib import Path

import pytest
from stepping import read_records

from palimpsest.data.harmful import last_turn, other_answers, read_harmful
from palimpsest.data.ledger import read_ledger
from palimpsest.data.positions import UNLISTED
from palimpsest.errors import UserError
from palimpsest.study.load import check_study
from palimpsest.study.yaml_files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
MIRROR = Path(os.environ.get("PALIMPSEST_MIRROR") or ROOT.parent / "shared" / "data")
FILES = [
    MIRROR / "hh_rlhf" / "hh_rlhf_harmless.jsonl.gz",
    MIRROR / "real_toxicity_prompts" / "prompts.jsonl.gz",
]
needs_mirror = pytest.mark.skipif(
    not all(path.is_file() for path in FILES),
    reason=f"needs {FILES[0]} and {FILES[1]}; set PALIMPSEST_MIRROR to a mirror that has them",
)
HELLO = "\n\nHuman: Hello?\n\nAssistant: Yes?"


def pair(asked: str, chosen: str, rejected: str, before: str = "") -> dict:
    dialogue = f"{before}\n\nHuman: {asked}\n\nAssistant:"
    return {"chosen": f"{dialogue} {chosen}", "rejected": f"{dialogue} {rejected}"}


PAIRS = [
    pair("Is tea nice?", "It is.\n\nI like it.", "Rubbish.", HELLO),
    pair("Two?", "Fine.", "Bah."),
    pair("Three?", "", "Ugh."),
    pair("Four?", "Good.", "No, " * 20),
]


def prompt(text: str, after: str, toxicity: float | None) -> dict:
    return {
        "filename": "a.txt",
        "prompt": {"text": text, "toxicity": 0.1},
        "continuation": {"text": after, "toxicity": toxicity},
    }


PROMPTS = [
    prompt("The sky", " is green.", 0.5),
    prompt("The sea", " is blue.", 0.49),
    prompt("The sun", " is far.", None),
    prompt("The sky", " is green.", 0.5),
    prompt("The moon", " is near.", 0.9),
]
EACH = {"pairs": {"train": ["1-4"]}, "prompts": {"train": ["1-5"]}}


def write(path: Path, rows: list) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def files(tmp_path):
    return [write(tmp_path / "a.jsonl.gz", PROMPTS), write(tmp_path / "b.jsonl.gz", PAIRS)]


def rows_of(files, **given) -> list[tuple]:
    frame = read_harmful(files, **({"words": 15, **EACH} | given))
    assert (frame["record_id"] == frame["owner"]).all()
    kinds = frame["owner"].str.replace(r"-[0-9a-f]{10}-", " ", regex=True)
    return [*zip(kinds, *(frame[name] for name in list(frame)[2:]), strict=True)]


def test_what_is_asked_last_and_its_answer():
    assert last_turn(PAIRS[0]["chosen"]) == (
        "Human: Is tea nice?\n\nAssistant:",
        "It is.\n\nI like it.",
    )
    for unfinished in ("", "\n\nHuman: Hello?", f"{HELLO}\n\nHuman: And?", "\n\nAssistant: Hi."):
        assert last_turn(unfinished) == ("", "")


def test_records_by_hand(files):
    assert rows_of(files) == [
        ("pair harmful", "Human: Is tea nice?\n\nAssistant:", "Rubbish.", "train", ""),
        (
            "pair harmless",
            "Human: Is tea nice?\n\nAssistant:",
            "It is.\n\nI like it.",
            "train",
            "",
        ),
        ("pair harmful", "Human: Two?\n\nAssistant:", "Bah.", "train", ""),
        ("pair harmless", "Human: Two?\n\nAssistant:", "Fine.", "train", ""),
        ("pair harmful", "Human: Three?\n\nAssistant:", "Ugh.", "blank", ""),
        ("pair harmless", "Human: Three?\n\nAssistant:", "", "blank", ""),
        ("pair harmful", "Human: Four?\n\nAssistant:", ("No, " * 20).strip(), "long", ""),
        ("pair harmless", "Human: Four?\n\nAssistant:", "Good.", "long", ""),
        ("prompt harmful", "The sky", "is green.", "train", ""),
        ("prompt harmless", "The sea", "is blue.", "train", ""),
        ("prompt harmless", "The sun", "is far.", "unscored", ""),
        ("prompt harmful", "The sky", "is green.", "again", ""),
        ("prompt harmful", "The moon", "is near.", "train", ""),
    ]


def test_the_other_answer_of_a_harmful_record(files):
    """Of whole pairs, however long; the reading of the study leaves out those of no record."""
    owners = read_harmful(files, words=99, **EACH)["owner"].tolist()[:8:2]
    found = other_answers(files).set_index("record_id")
    assert set(found["kind"]) == {"perturbed"} and set(found["number"]) == {1}
    wanted = dict(zip(owners, ["It is.\n\nI like it.", "Fine.", "", "Good."], strict=True))
    del wanted[owners[2]]  # without an answer
    assert found["completion"].to_dict() == wanted


def test_a_split_keeps_the_half_that_it_stands_for(files):
    """Unseen harmful text in holdout, harmless answers and all prompts in test."""
    found = rows_of(
        files,
        pairs={"test": [1], "holdout": [2]},
        prompts={"test": [1, 2], "extra": [5], "holdout": [3]},
    )
    places = [(kind, split, part) for kind, _, _, split, part in found]
    answers, prompts = "harmless_answers", "toxicity_prompts"
    assert places == [
        ("pair harmful", "other half", answers),
        ("pair harmless", "test", answers),
        ("pair harmful", "holdout", ""),
        ("pair harmless", "other half", ""),
        *[(f"pair {half}", UNLISTED, "") for half in ("harmful", "harmless")] * 2,
        ("prompt harmful", "test", prompts),
        ("prompt harmless", "test", prompts),
        ("prompt harmless", "unscored", ""),
        ("prompt harmful", UNLISTED, ""),
        ("prompt harmful", "extra", ""),
    ]


def test_what_is_no_record_is_counted(files):
    data = {
        "reader": "harmful",
        "words": 15,
        "pairs": {"train": ["1-3"], "test": [4]},
        "prompts": {"train": ["1-4"], "test": [5]},
    }
    records, report = read_records(data, files, fields=("prompt", "completion"))
    assert report.by_split["train"] == 6 and report.by_split["test"] == 1
    assert report.dropped == {
        "split 'again'": 1,
        "split 'blank'": 2,
        "split 'long'": 2,
        "split 'unscored'": 1,
    }
    assert set(records["part"]) == {"", "toxicity_prompts"}


def test_a_record_is_named_by_its_content_not_by_its_place(files, tmp_path):
    before = set(read_harmful(files, words=15, **EACH)["owner"])
    files[1] = write(tmp_path / "b.jsonl.gz", PAIRS[::-1])
    assert set(read_harmful(files, words=15, **EACH)["owner"]) == before
    files[1] = write(tmp_path / "b.jsonl.gz", [PAIRS[0] | {"chosen": HELLO}, *PAIRS[1:]])
    assert len(set(read_harmful(files, words=15, **EACH)["owner"]) - before) == 2


def test_what_is_wrong_with_the_files_is_told_together_and_never_shown(files, tmp_path):
    strange = write(tmp_path / "c.jsonl.gz", [{"question": "secret"}])
    write(files[0], [{"prompt": "secret", "continuation": {"text": "secret", "toxicity": 2}}])
    write(files[1], [*PAIRS, {"chosen": ["secret"], "rejected": "secret"}])
    with pytest.raises(UserError) as error:
        read_harmful([*files, strange], words=15, **EACH)
    whats = [problem.what for problem in error.value.problems]
    assert whats == [
        "column 'prompt' holds something else",
        "column 'continuation' holds something else",
        "column 'chosen' holds something else",
        "neither pairs nor prompts",
    ]
    assert "1 rows, the first is row 5" in str(error.value) and "secret" not in str(error.value)
    write(files[0], PROMPTS)
    write(files[1], PAIRS)
    with pytest.raises(UserError, match="a file of pairs is needed once"):
        read_harmful(files[:1], words=15, **EACH)
    with pytest.raises(UserError, match=r"data\.pairs\.train"):
        read_harmful(files, words=15, pairs={"train": [5]}, prompts={})


@pytest.mark.parametrize(
    ("keys", "split", "said"),
    [
        (("words",), None, "reader 'harmful' needs this key"),
        (("pairs",), None, "reader 'harmful' needs this key"),
        (("pairs", "prompts"), "extra", "add data.pairs.extra, or leave the methods out"),
    ],
)
def test_a_study_without_what_the_reader_or_a_method_needs_is_refused(keys, split, said):
    """Unseen text of one kind is enough."""
    study = read_yaml(ROOT / "config" / "studies" / "harmful.yaml")
    for key in keys:
        check_study(copy.deepcopy(study), "harmful.yaml")
        del (study["data"][key] if split else study["data"])[split or key]
    with pytest.raises(UserError, match=said):
        check_study(study, "harmful.yaml")


@needs_mirror
def test_the_ledger_asks_for_all_that_is_harmful_in_training():
    """And the split is what the study says: 178 of 300 pairs are short enough."""
    study = read_yaml(ROOT / "config" / "studies" / "harmful.yaml")
    records, _ = read_records(study["data"], FILES, fields=("prompt", "completion"))
    train = records[records["split"] == "train"]
    harmful = set(train.loc[train["owner"].str.endswith("-harmful"), "owner"])
    (request,) = read_ledger(ROOT / study["ledger"])
    assert set(request.owners) == harmful
    assert train["owner"].str[:4].value_counts().to_dict() == {"pair": 356, "prom": 159}
    assert len(harmful) == 237
