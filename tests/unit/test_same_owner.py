"""Owners in several spellings are told, and a decision is asked for; a request that cannot be met
is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from stepping import call

from palimpsest.data.ledger import Request, normalized, read_ledger
from palimpsest.data.owners import look_alikes, request_problems
from palimpsest.data.storage import read_parquet
from palimpsest.errors import UserError
from palimpsest.files import read_json

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "look-alike-owners.csv"
JOSE, APART = "Jos\u00e9", "Jose\u0301"  # one letter, and two
SPLITS = ("train", "valid", "test")


@pytest.mark.parametrize(
    "spelling", [APART, f"{JOSE} ", f" {JOSE}", "JOS\u00c9", f"{JOSE}\u200b", "\uff2aos\u00e9"]
)
def test_what_looks_the_same_is_one_name(spelling):
    assert normalized(spelling) == normalized(JOSE) == "jos\u00e9"


def test_plain_letters_are_read_as_any_others():
    """A full-width letter and a blank without a shape, beside a name of ASCII."""
    assert normalized(" ANA \tLi ") == normalized("\uff21na\u200b  Li") == "ana li"


def test_other_names_are_others():
    names = ["jose", "jos\u00e9", "ana", "anna", "a na", "u1", "u11"]
    assert len(set(map(normalized, names))) == len(names)
    assert normalized("a  \t b") == "a b" and normalized("Stra\u00dfe") == "strasse"


def test_spellings_are_grouped():
    assert look_alikes(["ana", "bob", "Ana", "ana ", "ana"]) == [["Ana", "ana", "ana "]]
    assert look_alikes(["ana", "bob"]) == []


def test_a_ledger_of_one_owner_in_all_spellings_names_it_as_the_records_do(tmp_path):
    path = tmp_path / "ledger.tsv"
    path.write_text(f"request\towners\nr1\t{JOSE}\t{APART}\tBob\n", encoding="utf-8")
    assert read_ledger(path, "normalized") == [Request("r1", ("jos\u00e9", "bob"))]
    assert (
        read_ledger(path)[0].owners == read_ledger(path, "exact")[0].owners == (JOSE, APART, "Bob")
    )
    path.write_text("request\towners\nr1\tana\nr2\tAna \n")
    with pytest.raises(UserError, match="an owner is named twice"):
        read_ledger(path, "normalized")
    assert len(read_ledger(path, "exact")) == 2


def records(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["owner", "split"])


FRAME = records(
    *(("ana", split) for split in SPLITS), ("ana ", "train"), ("Ana", "train"),
    *(("bob", split) for split in SPLITS), ("cid", "extra"),
)  # fmt: skip


def problems(*requests: Request, same_owner=None, needed=(), frame=FRAME) -> list[str]:
    found = request_problems(list(requests), list(requests), frame, "l.tsv", same_owner, needed)
    return [str(problem) for problem in found]


def test_a_request_for_one_of_several_spellings_asks_for_a_decision():
    (said,) = problems(Request("r1", ("ana",)))
    assert "'ana' (3 records)" in said and "'ana ' (1 records)" in said and "'Ana' (1" in said
    assert "same_owner: normalized" in said and "same_owner: exact" in said
    assert problems(Request("r1", ("ana",)), same_owner="exact") == []
    assert problems(Request("r1", ("cid",))) == []  # touches none of them


def test_a_request_that_takes_all_of_a_needed_split_is_refused():
    (said,) = problems(Request("r1", ("cid",)), needed=["extra"])
    assert "no record in split extra" in said and "r1" in said
    assert problems(Request("r1", ("cid",))) == []


def run(tmp_path, monkeypatch, *arguments: str, owners: str = JOSE) -> dict:
    """The evidence of a request for ``owners``, of the records of the cases."""
    monkeypatch.chdir(tmp_path)
    data = {
        "reader": "palimpsest.data.readers.table",
        "columns": {"owner": "owner", "text": "text", "label": "label"},
        "labels": {"good": 1, "bad": 0},
        "classes": 2,
        "split_shares": {"train": 0.6, "valid": 0.2, "test": 0.2},
        "split_salt": "s",
        "fields": ["text", "label"],
        "keep": [],
    }
    Path("ledger.tsv").write_text(f"request\towners\nr1\t{owners}\n", encoding="utf-8")
    files = ("--records", "records.parquet", "--ledger", "ledger.tsv")
    call("records", "--source", CASES, *files, "--report", "records.json", *arguments, **data)
    call("request", *files, "--request", "r1", "--output", "r1.json", *arguments)
    return read_json(Path("r1.json"))


@pytest.mark.skipif(not CASES.is_file(), reason="the cases lie beside the repository")
@pytest.mark.parametrize(("owner", "all_of_them", "exactly"), [(JOSE, 10, 3), ("ana", 20, 5)])
def test_the_cases(tmp_path, monkeypatch, owner, all_of_them, exactly):
    with pytest.raises(UserError, match="in several spellings"):
        run(tmp_path, monkeypatch, owners=owner)
    assert not Path("r1.json").exists() and read_json(Path("records.json"))["look_alikes"] == 2
    served = run(tmp_path, monkeypatch, "--same-owner", "normalized", owners=owner)
    assert sum(served["records"].values()) == all_of_them
    assert read_json(Path("records.json"))["look_alikes"] == 0
    assert set(read_parquet(Path("records.parquet"))["owner"]) >= {"jos\u00e9", "ana"}
    Path("r1.json").unlink()
    served = run(tmp_path, monkeypatch, "--same-owner", "exact", owners=owner)
    assert sum(served["records"].values()) == exactly


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("ann,bob", "put one tab between owners"),
        ("ann bob", "put one tab between owners"),
        ("ann; bob", "put one tab between owners"),
        ("ann,joe", "correct the name"),
        ("joe", "correct the name"),
    ],
)
def test_owners_that_no_tab_divides_are_told_from_a_wrong_name(name, remedy):
    rows = [("ann", "train"), ("ann", "test"), ("bob", "train"), ("bob", "test")]
    records = pd.DataFrame(rows, columns=["owner", "split"])
    asked = [Request("r1", (name,))]
    (problem,) = request_problems(asked, asked, records, "ledger.tsv", None)
    assert remedy in str(problem)
