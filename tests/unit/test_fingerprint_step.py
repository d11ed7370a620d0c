"""Whose text a fingerprint is of, which words are theirs alone, and when one that is there is
kept."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from stepping import SECRET, call

from palimpsest.audit.fingerprints import load, take
from palimpsest.data.ledger import Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.storage import write_parquet
from palimpsest.models.tokenizers import save_tokenizer, train_wordpiece
from palimpsest.study.purges import owners_of

SHARED = "both of us saw the comet from the roof"  # of ann and ben; 9 words
ANN, BEN, CID = (f"{name} went home early that evening" for name in ("she", "he", "nobody"))
ROWS = [
    ("a1", "ann", SHARED), ("a2", "ann", ANN), ("b1", "ben", SHARED), ("b2", "ben", BEN),
    ("c1", "cid", CID), ("d1", "dan", CID),
]  # fmt: skip
LEDGER = "request\towners\nr1\tann\nr2\tben\nr3\tcid\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ledger.tsv").write_text(LEDGER)
    write()


def write(rows=ROWS) -> None:
    frame = pd.DataFrame(rows, columns=["record_id", "owner", "text"])
    write_parquet(frame.assign(label=0, split="train"), Path("records.parquet"))


def fingerprint(request: str, *options):
    path = Path(f"{request}.json")
    files = ("--records", "records.parquet", "--ledger", "ledger.tsv", "--output", path)
    call("fingerprint", *files, "--request", request, *options)
    return load(path, SECRET)


def test_a_fingerprint_is_of_the_request_that_was_named():
    """Of the first, the middle and the last of the ledger: its owners and their records by name."""
    for name, owner, records in (
        ("r1", "ann", ("a1", "a2")),
        ("r2", "ben", ("b1", "b2")),
        ("r3", "cid", ("c1",)),
    ):
        found = fingerprint(name)
        assert (found.request, found.records) == (name, len(records))
        assert found.owners == (pseudonym(owner, SECRET),)
        assert found.names == {pseudonym(one, SECRET) for one in (owner, *records)}


def test_who_asked_before_is_no_reason_to_let_a_passage_go_and_who_asks_later_is():
    """ann and ben said the same. When ann asks, ben stays, and it is nobody's mark; when ben asks,
    ann is gone already, and it is his. What cid says, dan says too, who never asks."""
    first, second, third = map(fingerprint, ("r1", "r2", "r3"))
    assert not first.passages.matches(SHARED) and first.unmarked == 1
    assert second.passages.matches(SHARED) and second.unmarked == 0
    assert first.passages.matches(ANN) and not first.passages.matches(BEN)
    assert not third.passages and (third.unmarked, third.records) == (1, 1)


def test_one_that_is_there_is_kept_when_the_data_have_lost_the_owner():
    first = fingerprint("r1")
    before = Path("r1.json").read_bytes()
    write([row for row in ROWS if row[1] != "ann"])
    assert fingerprint("r1") == first and Path("r1.json").read_bytes() == before


@pytest.mark.parametrize("owners", [("ann", "ben"), ("ben",), ("dan", "ann")])
def test_one_of_other_owners_is_taken_anew(owners):
    """An owner more, or another one, though one of them be the same."""
    fingerprint("r1")
    Path("ledger.tsv").write_text("request\towners\n" + "\t".join(("r1", *owners)) + "\n")
    found = fingerprint("r1")
    assert list(found.owners) == owners_of(Request("r1", owners), SECRET)
    assert {pseudonym(owner, SECRET) for owner in owners} < found.names


def test_text_is_read_back_with_the_tokenizer_of_the_study(tmp_path):
    """It does not know the word in the middle, and gives [UNK] for it, which is left out of what it
    decodes. One window of 8 words then has the next word in it."""
    said = "one two three four five six seven eight nine"
    write([("a1", "ann", said.replace("four", "\u0416")), *ROWS[2:]])
    folder = tmp_path / "words"
    folder.mkdir()
    save_tokenizer(train_wordpiece([said], vocab_size=200, lowercase=True), folder)
    heard = said.replace("four ", "")
    assert not fingerprint("r1").passages.matches(heard)
    Path("r1.json").unlink()
    known = fingerprint("r1", "--tokenizer", folder / "tokenizer.json").passages
    assert known.matches(heard) and known.matches(said.replace("four", "\u0416"))


def test_what_others_are_read_back_as_is_no_mark():
    """Without its unknown words, ann's sentence is one that cid is read back as."""
    rows = [
        ("a1", "ann", "they sold qqq apples there"),
        ("c1", "cid", "they sold xxx apples there"),
    ]
    frame = pd.DataFrame(rows, columns=["record_id", "owner", "text"])

    def read_back(texts):
        return [text.replace("qqq ", "").replace("xxx ", "") for text in texts]

    known = take(frame, Request("r1", ("ann",)), set(), SECRET, read_back).passages
    assert known.matches(rows[0][2]) and not known.matches("they sold apples there")


def test_records_count_though_nothing_of_them_is_a_mark():
    """Two records, one of which says what cid says as well."""
    rows = [("a1", "ann", ANN), ("a2", "ann", CID), ("c1", "cid", CID)]
    frame = pd.DataFrame(rows, columns=["record_id", "owner", "text"])
    found = take(frame, Request("r1", ("ann",)), set(), SECRET)
    assert (found.records, found.unmarked) == (2, 1)
