"""Details of requests beside the ledger: what is read, and what is refused, all of it together."""

from __future__ import annotations

import pytest

from palimpsest.data.details import MOST, read_details
from palimpsest.data.ledger import Request
from palimpsest.errors import UserError

REQUESTS = [Request("r1", ("ann", "c.d")), Request("r2", ("bob",))]


def read(tmp_path, text: str | bytes) -> dict:
    path = tmp_path / "details.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_details(path, REQUESTS)


def refused(tmp_path, text: str | bytes) -> str:
    with pytest.raises(UserError) as told:
        read(tmp_path, text)
    return str(told.value)


def test_without_a_table_there_are_no_details():
    assert read_details(None, REQUESTS) == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_each_request_has_the_cells_of_its_line(tmp_path, end):
    """Comments and empty cells are left out; columns may stand in any order, or be missing."""
    text = "# ours\nrequest\toperator\treceived\nr2\tjo\t2026-05-31\n# more\nr1\t\t2026-05-01T10:00"
    text += end
    assert read(tmp_path, text.replace("\n", end or "\n")) == {
        "r2": {"operator": "jo", "received": "2026-05-31"},
        "r1": {"received": "2026-05-01T10:00"},
    }
    assert read(tmp_path, "request\treference\n") == {}


@pytest.mark.parametrize(
    "header", ["", "r1\tjo", "request", "request\tdate", "request\toperator\toperator", "operator"]
)
def test_another_header_is_refused(tmp_path, header):
    said = refused(tmp_path, f"{header}\nr1\tjo\n")
    assert "not the header" in said and "received, reference, operator" in said


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("r3\t\t", "the ledger has no such request"),
        ("r1\t2026-01-01", "a line of another width"),
        ("r1\t2026-01-01\tA-1\tx", "a line of another width"),
        ("", "a line of another width"),
        ("r1\t31.05.2026\t", "not a date"),
        ("r1\t2026-02-30\t", "not a date"),
        ("r1\t20260531\t", "not a date"),
        (f"r1\t\t{'x' * (MOST + 1)}", "too long"),
        ("r1\t\tdeletion of ANN", "names an owner"),
        ("r1\t\tc.d", "names an owner"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, line, what):
    said = refused(tmp_path, f"request\treceived\treference\n{line}\n")
    assert what in said and "line 2" in said


def test_what_only_looks_like_an_owner_is_none(tmp_path):
    told = read(tmp_path, "request\treference\nr1\tannual-7 cxd bob\n")
    assert told == {"r1": {"reference": "annual-7 cxd bob"}}


def test_all_that_is_wrong_is_told_together(tmp_path):
    said = refused(tmp_path, "request\treceived\nr1\t2026-01-01\nr1\t2026-01-01\nr2\tsoon\nr9\t\n")
    assert "3 problems" in said and "line 3" in said and "line 4" in said and "line 5" in said


@pytest.mark.parametrize("made", ["missing", "folder", "latin-1"])
def test_a_table_that_cannot_be_read_is_named(tmp_path, made):
    path = tmp_path / "details.tsv"
    if made == "folder":
        path.mkdir()
    elif made == "latin-1":
        path.write_bytes("request\toperator\nr1\tJosé\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"details.tsv.*cannot be read"):
        read_details(path, REQUESTS)
