"""`palimpsest owners`: whom to name in the ledger, found by a pattern, without a text."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from told import OWNERS, STUDY, owner_of, read, study_of, write_posts

from palimpsest.engine.cli import main
from palimpsest.errors import UserError
from palimpsest.steps import owners

ODD = "  Ana\u00e9 \u200b'x' "
SAID = "quill street"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """One owner says where they live, and is called what the table makes of ODD."""
    monkeypatch.chdir(tmp_path)
    write_posts(lambda draw, owner: f"{owner == OWNERS[3] and SAID or 'plain'} {draw.random()}")
    posts = Path("posts.csv")
    posts.write_text(posts.read_text().replace(OWNERS[4], ODD), encoding="utf-8")


@pytest.fixture
def study():
    study = study_of(f"r1 {OWNERS[3]}")
    read(study)
    return study


def find(*argv: str, capsys=None, **changes) -> list[str]:
    Path("study.yaml").write_text(yaml.safe_dump(STUDY | changes))
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", default={})
    owners.add_arguments(parser)
    owners.run(parser.parse_args(["study.yaml", *argv]))
    return capsys.readouterr().out.splitlines()


def test_owners_are_found_by_what_they_wrote(study, capsys):
    from palimpsest.data.shards import place

    head, owner, ids, cells, requested, ledger = find("--grep", "quill STREET", "-i", capsys=capsys)
    assert head == "small: 8 of 240 records match, of 1 owner."
    assert owner == f"{OWNERS[3]}: 8 of its 8 records match"
    assert ids.startswith("    train: ") and ids.count(",") == 4
    assert " and 1 more; valid: " in ids and "; test: " in ids
    told = (
        f"seed {seed}: 3x2: shard {shard} slice {slice_}"
        for seed in (1, 2)
        for shard, slice_ in [place(OWNERS[3], "3x2", "small", seed)]
    )
    assert cells == f"    {'; '.join(told)}"
    assert requested == "    is named by request r1 already"
    assert ledger.startswith("To forget an owner, add a line to ledger.tsv ('request\\towners')")


def test_no_text_is_shown(study, capsys, caplog):
    lines = "\n".join(find("--grep", "street", capsys=capsys)) + caplog.text
    assert "street" not in lines and "plain" not in lines


def test_an_owner_is_shown_as_the_ledger_must_name_it(study, capsys):
    """And besides as it is written, where it holds what cannot be seen."""
    _, owner, *_ = find("--grep", "Ana", "--in", "owner", capsys=capsys)
    assert owner == f"{ODD} (written {ODD!a}): 8 of its 8 records match"


def test_how_letters_are_encoded_does_not_count(study, capsys):
    head, *_ = find("--grep", "e\u0301", "--in", "owner", capsys=capsys)
    assert head.endswith("of 1 owner.")


def test_a_record_that_is_its_own_owner_is_named_by_its_id(capsys):
    columns = {"text": "text", "label": "label", "split": "split"}
    data = STUDY["data"] | {"columns": columns}
    study = study_of(data=data)
    read(study)
    head, first, ids, *_ = find("--grep", SAID, capsys=capsys, data=data)
    assert head == "small: 8 of 240 records match, of 8 owners."
    name = first.split(":")[0]
    assert len(name) == 16 and ids.endswith(f": {name}")
    again, *_ = find("--grep", f"^{name}$", "--in", "id", capsys=capsys, data=data)
    assert again == "small: 1 of 240 records match, of 1 owner."


def test_an_owner_without_training_records_lies_in_no_shard(capsys):
    posts = pd.read_csv("posts.csv")
    quill = posts["text"].str.startswith(SAID)
    posts[~quill | (posts["split"] == "test")].to_csv("posts.csv", index=False)
    read(study_of())
    _, owner, ids, learnt, _ = find("--grep", SAID, capsys=capsys)
    assert owner == f"{OWNERS[3]}: 1 of its 1 records match" and ids.startswith("    test: ")
    assert learnt == "    has no training record: no model learnt from this owner"


def test_an_owner_whose_name_is_a_text_is_not_shown(capsys):
    posts = pd.read_csv("posts.csv")
    posts.assign(whose=posts["text"]).to_csv("posts.csv", index=False)
    data = STUDY["data"] | {"columns": STUDY["data"]["columns"] | {"owner": "whose"}}
    read(study_of(data=data))
    lines = find("--grep", SAID, capsys=capsys, data=data)
    assert lines[1] == "an owner whose name is the text of a record (1 match): not shown"
    assert not any(SAID in line for line in lines)


def test_many_owners_are_counted(study, capsys):
    lines = find(capsys=capsys)
    assert lines[0] == "small: 240 of 240 records match, of 30 owners."
    assert sum(line.endswith("8 of its 8 records match") for line in lines) == 20
    assert "and 10 owners more: a longer pattern, or --most 30" in lines
    assert sum("match" in line for line in find("--most", "30", capsys=capsys)) == 31


def test_what_matches_nothing_ends_with_a_message(study, capsys):
    with pytest.raises(UserError, match="no record matches") as error:
        find("--grep", "nowhere", capsys=capsys)
    assert "small (240 records)" in str(error.value)


def test_without_records_it_says_what_to_run(capsys):
    study_of()
    with pytest.raises(UserError, match="run `snakemake data`"):
        find("--grep", "x", capsys=capsys)


def test_records_of_other_settings_are_told(study, capsys):
    with open("posts.csv", "a") as file:
        file.write("owner99,another text,1,train\n")
    lines = find("--grep", SAID, capsys=capsys)
    assert lines[1].startswith("These are not the records of the present sources")


def test_several_studies_are_searched_together(study, capsys):
    other = STUDY | {"study": "other"}
    Path("other.yaml").write_text(yaml.safe_dump(other))
    read(study_of(study="other"))
    lines = find("other.yaml", "--grep", SAID, capsys=capsys)
    assert [line.split(":")[0] for line in lines if "records match, of" in line] == [
        "small",
        "other",
    ]


@pytest.mark.parametrize("wrong", [["--grep", "("], ["--most", "0"], ["--most", "x"]])
def test_arguments_that_are_none_are_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        find(*wrong, capsys=capsys)
    assert "no regular expression" in (said := capsys.readouterr().err) or "at least 1" in said


def test_its_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        main(["owners", "--help"])
    assert "palimpsest owners shop/study.yaml --grep '^ana$' --in owner" in capsys.readouterr().out
    assert owner_of(1, 1) in OWNERS


def test_who_reads_only_the_first_lines_gets_no_message(study):
    """As `palimpsest owners ... | head` does; the pipe is closed before anything is written."""
    Path("study.yaml").write_text(yaml.safe_dump(STUDY))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "palimpsest", "owners", "study.yaml", "--grep", "."]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert ran.returncode == 128 + signal.SIGPIPE
    assert "Broken pipe" not in ran.stderr
