"""Sets that models are scored on or trained on: who is in them, and who is not."""

from __future__ import annotations

from argparse import Namespace

import pandas as pd
import pytest

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.steps import subset

LEDGER = "request\towners\nr1\tann\nr2\tben\n"


@pytest.fixture
def chosen(tmp_path):
    """The ids of a set of twelve records: four owners with a record in each of train, valid and
    extra."""
    owners = ["ann", "ben", "cat", "dan"]
    rows = [
        (f"{owner}-{split}", owner, split)
        for owner in owners
        for split in ("train", "valid", "extra")
    ]
    frame = pd.DataFrame(rows, columns=["record_id", "owner", "split"]).assign(text="t", label=0)
    write_parquet(frame, tmp_path / "records.parquet")
    (tmp_path / "ledger.tsv").write_text(LEDGER)

    def run(**settings) -> set[str]:
        files = {
            "records": tmp_path / "records.parquet",
            "output": tmp_path / "set.parquet",
            "digest": tmp_path / "set.json",
        }
        subset.run(
            Namespace(settings=settings, ledger=tmp_path / "ledger.tsv", same_owner=None, **files)
        )
        return set(read_parquet(files["output"])["record_id"])

    return run


def test_nobody_who_is_forgotten_is_in_the_unseen_text(chosen):
    assert chosen(set="extra", request="r1") == {"ben-extra", "cat-extra", "dan-extra"}
    assert chosen(set="extra", request="r2") == {"cat-extra", "dan-extra"}


def test_a_request_forgets_the_training_records_of_its_own_owners(chosen):
    assert chosen(set="forget", request="r2") == {"ben-train"}


def test_a_sample_holds_nobody_who_is_forgotten_by_then(chosen):
    assert chosen(set="sample", request="r1", share=1.0) == {"ben-train", "cat-train", "dan-train"}
    assert (
        chosen(set="sample", request="r2", share=1.0) == {"cat-train", "dan-train"}
        and chosen(set="sample", request="r2", share=0.0) == set()
    )


def test_what_is_held_out_is_not_what_methods_compare_with(chosen):
    assert chosen(set="heldout") == {f"{owner}-valid" for owner in ("ann", "ben", "cat", "dan")}
