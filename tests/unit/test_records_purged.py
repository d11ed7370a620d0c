"""Records that are made again after a purge: nothing of the purged comes back, nor their
candidates."""

from __future__ import annotations

from pathlib import Path

import pytest
from stepping import call

from palimpsest.data.people import people, people_candidates
from palimpsest.data.storage import read_parquet, records_digest
from palimpsest.errors import UserError
from palimpsest.files import file_digest, read_json, write_json
from palimpsest.tracks import track_of

SIZES = {"owners": 20, "records": 2, "seed": 1}
DATA = SIZES | {
    "reader": "palimpsest.data.readers.people",
    "fields": track_of("causal").fields,
    "classes": None,
}
LEDGER = "request\towners\nr1\tp0000\tp0001\nr2\tp0002\nr3\tp0003\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ledger.tsv").write_text(LEDGER)


def records(*options, **changes):
    """(records, candidates, report) that the step wrote."""
    files = (
        "--records",
        "records.parquet",
        "--candidates",
        "candidates.parquet",
        "--report",
        "report.json",
    )
    call("records", *files, *options, **DATA | changes)
    return (
        read_parquet("records.parquet"),
        read_parquet("candidates.parquet"),
        read_json("report.json"),
    )


def purged(*upto: str):
    """The options after purges, the last of which was upto the last of these."""
    write_json(Path("purged.json"), {"purges": [{"upto": one} for one in upto]})
    return ("--purged", "purged.json", "--ledger", "ledger.tsv")


def test_without_a_purge_all_are_there():
    frame, candidates, report = records()
    assert len(frame) == 40 and set(frame["owner"]) == {f"p{number:04d}" for number in range(20)}
    assert len(candidates) == 40 * 6 and set(candidates["record_id"]) == set(frame["record_id"])
    assert "purged" not in report and report["read"] == 40
    assert report["digest"] == records_digest(people(**SIZES))


@pytest.mark.parametrize(("upto", "gone"), [(("r1",), 2), (("r1", "r2"), 3), (("r1", "r3"), 4)])
def test_the_purged_stay_away_with_their_candidates(upto, gone):
    """Two records each of the owners of all requests up to the last purge: p0000 and p0001 of r1,
    p0002 of r2, p0003 of r3. Each has six other completions."""
    away = {f"p{number:04d}" for number in range(gone)}
    frame, candidates, report = records(*purged(*upto))
    everybody, every = people(**SIZES), people_candidates(**SIZES)
    kept = everybody[~everybody["owner"].isin(away)]
    assert sorted(frame["record_id"]) == sorted(kept["record_id"]) and list(frame.index) == [
        *range(len(frame))
    ]
    expected = every[every["record_id"].isin(kept["record_id"])].reset_index(drop=True)
    assert candidates.equals(expected) and len(candidates) == 6 * (40 - 2 * gone)
    assert report["purged"] == 2 * gone and report["read"] == 40
    assert report["digest"] == records_digest(kept) != records_digest(everybody)


TABLE = {
    "reader": "palimpsest.data.readers.table", "classes": 2,
    "fields": track_of("classification").fields,
    "columns": {name: name for name in ("owner", "text", "label", "split")},
}  # fmt: skip


def posts(path: str, first: int, *rows: str) -> str:
    """A source of twelve good records of as many owners, after ``rows``."""
    splits = ("train", "valid", "test")
    good = [f"o{at},said {at},{at % 2},{splits[at % 3]}" for at in range(first, first + 12)]
    Path(path).write_text("\n".join(["owner,text,label,split", *rows, *good]) + "\n")
    return path


def test_records_are_checked_though_the_bad_one_was_purged():
    """The source still holds it: a record without a text is told, and nothing is written."""
    posts("posts.csv", 0, "p0000,,1,train")
    files = ("--source", "posts.csv", "--records", "records.parquet", "--report", "report.json")
    with pytest.raises(UserError, match="text is empty"):
        call("records", *files, *purged("r1"), **TABLE)
    assert not Path("records.parquet").exists()


def test_the_report_names_every_source_by_its_content():
    sources = [posts("one.csv", 0, "p0000,hello,1,train"), posts("two.csv", 12)]
    files = ("--source", *sources, "--records", "records.parquet", "--report", "report.json")
    call("records", *files, *purged("r1"), **TABLE)
    report = read_json("report.json")
    told = {name: digest for name, (_, _, digest) in report["sources"].items()}
    assert told == {name: file_digest(Path(name)) for name in sources}
    assert (report["read"], report["purged"]) == (25, 1)
    assert set(read_parquet("records.parquet")["owner"]) == {f"o{at}" for at in range(24)}
