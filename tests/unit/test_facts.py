"""zsRE and CounterFact: invented files for what becomes of each fact, and the real ones with their
published counts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from palimpsest.data.facts import ASKED, UNUSABLE, read_facts
from palimpsest.data.ledger import read_ledger
from palimpsest.data.positions import UNLISTED
from palimpsest.data.readers import READERS
from palimpsest.data.reading import read_records
from palimpsest.errors import UserError
from palimpsest.study.load import check_study

MIRROR = Path(
    os.environ.get("PALIMPSEST_MIRROR") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
FILES = [
    MIRROR / "counterfact" / name for name in ("zsre_mend_train-1k.json", "counterfact-val.json")
]
needs_mirror = pytest.mark.skipif(
    not all(file.is_file() for file in FILES),
    reason=f"needs {FILES[0].parent}; set PALIMPSEST_MIRROR to a mirror that has it",
)


def zsre(number: int, **other) -> dict:
    return {
        "subject": f"S{number}", "src": f"Who made {number}?", "answers": [f"Ann {number}", "Anna"],
        "pred": "nobody", "alt": f" Ben {number}", "rephrase": f"By whom is {number}?",
        "loc": f"nq question: {number}", "loc_ans": f"L{number}", "cond": "",
    } | other  # fmt: skip


def counterfact(number: int, **other) -> dict:
    return {
        "case_id": number, "subject": f"S{number}", "prompt": f"{number} is in",
        "ground_truth": f"Old {number}", "target_new": f"New {number}",
        "rephrase_prompt": f"One finds {number} in", "locality_prompt": f"Not {number} is in",
        "locality_ground_truth": f"Loc {number}",
    } | other  # fmt: skip


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def read(tmp_path, *rows: dict, facts=None, edits=(1, 2)):
    file = write(tmp_path / "any.json", list(rows))
    every = {"train": [f"1-{len(rows)}"]}
    return read_facts([file], facts=facts or every, edits=list(edits)).set_index("record_id")


def test_an_edited_fact_is_asked_in_other_words_which_others_learn(tmp_path):
    """The first fact is edited: its prompt, the other prompt, what it is asked. The second is not:
    both wordings. Of a list of answers the first is the one, and blanks at ends go."""
    rows = read(tmp_path, zsre(1), zsre(2), edits=[1])
    assert {
        name: tuple(row[["owner", "prompt", "completion"]]) for name, row in rows.iterrows()
    } == {
        "zsre-0001": ("zsre-0001", "Who made 1?", "Ann 1"),
        "zsre-0001-unrelated": ("zsre-0001-unrelated", "nq question: 1", "L1"),
        "zsre-0002": ("zsre-0002", "Who made 2?", "Ann 2"),
        "zsre-0002-reworded": ("zsre-0002", "By whom is 2?", "Ann 2"),
    }
    asked = ["Ben 1", "By whom is 1?", "nq question: 1", "L1"]
    assert rows.loc["zsre-0001", list(ASKED)].tolist() == asked
    assert (rows.drop("zsre-0001")[list(ASKED)] == "").all(axis=None)
    assert set(rows["source"]) == {"zsre"} and set(rows["split"]) == {"train"}


def test_the_forms_of_both_files_are_told_by_their_columns(tmp_path):
    files = [
        write(tmp_path / f"{n}.json", rows) for n, rows in enumerate(([zsre(1)], [counterfact(1)]))
    ]
    rows = read_facts(files, facts={"train": [1]}, edits=[1]).set_index("record_id")
    told = ["Old 1", "New 1", "One finds 1 in", "Not 1 is in", "Loc 1"]
    assert rows.loc["counterfact-0001", ["completion", *ASKED]].tolist() == told
    assert set(rows["source"]) == {"zsre", "counterfact"}
    with pytest.raises(UserError, match="two files of zsre"):
        read_facts([files[0], files[0]], facts={"train": [1]}, edits=[])
    other = write(tmp_path / "other.json", [{"prompt": "a", "answer": "b"}])
    with pytest.raises(UserError, match="not a file of facts"):
        read_facts([other], facts={"train": [1]}, edits=[])


@pytest.mark.parametrize(
    "changes",
    [{"alt": "ANN 2"}, {"alt": " "}, {"answers": []}, {"src": "Who made 1?"}, {"loc_ans": None},
     {"rephrase": "Who made 2?"}],
)  # fmt: skip
def test_a_fact_that_cannot_be_edited_is_left_out_and_counted(tmp_path, changes):
    """The new answer is the old one; texts are blank; a prompt stood before, or is its own other
    wording."""
    rows = read(tmp_path, zsre(1), zsre(2, **changes))
    assert rows["split"].to_dict() == {
        "zsre-0001": "train", "zsre-0001-unrelated": "train", "zsre-0002": UNUSABLE
    }  # fmt: skip
    data = {"reader": READERS["facts"], "facts": {"train": [1, 2], "test": [3]}, "edits": [1, 2]}
    file = write(tmp_path / "facts.json", [zsre(1), zsre(2, **changes), zsre(3)])
    records, report = read_records(data, [file], fields=("prompt", "completion"))
    assert report.dropped[f"split {UNUSABLE!r}"] == 1 and report.by_split == {"train": 2, "test": 2}
    assert records.set_index("record_id").loc["zsre-0001", "new_answer"] == "Ben 1"


def test_what_is_asked_about_something_else_is_no_fact_and_stands_once(tmp_path):
    """The second fact's is the prompt of the first, the third's that of the fourth, which is left
    out: neither is asked. The fifth's is the first's: asked, and learnt once."""
    rows = read(
        tmp_path,
        counterfact(1),
        counterfact(2, locality_prompt="1 is in"),
        counterfact(3, locality_prompt="4 is in"),
        counterfact(4),
        counterfact(5, locality_prompt="Not 1 is in"),
        facts={"train": ["1-3", 5]},
        edits=["1-5"],
    )
    asked = rows.loc[[f"counterfact-000{n}" for n in (1, 2, 3, 5)], "unrelated"]
    assert asked.tolist() == ["Not 1 is in", "", "", "Not 1 is in"]
    assert (rows["prompt"] == "Not 1 is in").sum() == 1
    assert rows.loc["counterfact-0004", "split"] == UNLISTED


def test_positions_that_no_file_has_are_refused(tmp_path):
    with pytest.raises(UserError, match="no positions of this source") as caught:
        read(tmp_path, zsre(1), edits=[2])
    assert "data.edits" in str(caught.value)


@needs_mirror
def test_the_real_files():
    """1,000 edits of zsRE, 17 of which keep the old answer, and 1,919 of CounterFact."""
    rows = read_facts(FILES, facts={"train": ["1-1000"]}, edits=["1-1000"])
    owners = rows[~rows["record_id"].str.endswith("-unrelated")]
    assert owners["source"].value_counts().to_dict() == {"zsre": 1000, "counterfact": 1919}
    edited = rows[rows["new_answer"] != ""]
    assert rows["record_id"].is_unique and not edited["prompt"].duplicated().any()
    assert (owners["split"] == UNUSABLE).groupby(owners["source"]).sum()["zsre"] >= 17
    assert not set(edited["unrelated"]) & set(edited["prompt"])
    assert not set(edited["rephrase"]) & set(rows.loc[rows["split"] == "train", "prompt"])


@needs_mirror
def test_every_owner_that_the_study_asks_to_forget_has_a_new_answer():
    """A hundred of them, each asked in other words and about something else."""
    text = Path("config/studies/facts.yaml").read_text(encoding="utf-8")
    study = check_study(yaml.safe_load(text), "facts.yaml")
    records, _ = read_records(
        study["data"] | {"reader": READERS["facts"]}, FILES, fields=("prompt", "completion")
    )
    (request,) = read_ledger(study["ledger"])
    asked = records[records["owner"].isin(request.owners)]
    assert len(asked) == len(request.owners) == 100
    assert (asked[list(ASKED)] != "").all(axis=None) and set(asked["split"]) == {"train"}
