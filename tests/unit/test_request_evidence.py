"""The evidence of a request: whose records it removes, and which of them had been trained on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from stepping import SECRET, call

from palimpsest.data.ledger import Request
from palimpsest.data.storage import write_parquet
from palimpsest.files import read_json
from palimpsest.study.purges import owners_of

ROWS = [
    ("a1", "ann", "train"), ("a2", "ann", "test"), ("b1", "ben", "extra"), ("b2", "ben", "test"),
    *((f"c{split}", "cid", split) for split in ("train", "valid", "test")),
]  # fmt: skip


def hashed(*owners: str) -> list[str]:
    return owners_of(Request("", owners), SECRET)


@pytest.fixture
def evidence(tmp_path, monkeypatch):
    """A function: what the step writes of r1, of which the ledger names ``owners``, of these
    rows."""
    monkeypatch.chdir(tmp_path)

    def step(*owners: str, rows=ROWS) -> dict:
        frame = pd.DataFrame(rows, columns=["record_id", "owner", "split"]).assign(
            text="x", label=0
        )
        write_parquet(frame, Path("records.parquet"))
        Path("ledger.tsv").write_text("request\towners\n" + "\t".join(("r1", *owners)) + "\n")
        files = ("--records", "records.parquet", "--ledger", "ledger.tsv", "--output", "r1.json")
        call("request", *files, "--request", "r1")
        return read_json(Path("r1.json"))

    return step


def test_records_are_counted_by_split_and_owners_of_training_records_named(evidence):
    """ben has none of split train."""
    found = evidence("ann", "ben")
    assert found["records"] == {"train": 1, "test": 2, "extra": 1}
    assert found["owners"] == hashed("ann", "ben") and found["trained"] == hashed("ann")
    assert found["request"] == "r1"


def test_evidence_is_kept_of_the_same_owners_alone(evidence):
    """The data have lost ann since; asked of ben, it is ben's that is written."""
    first = evidence("ann")
    left = [row for row in ROWS if row[1] != "ann"]
    assert evidence("ann", rows=left) == first
    assert evidence("ben", rows=left)["records"] == {"test": 1, "extra": 1}
