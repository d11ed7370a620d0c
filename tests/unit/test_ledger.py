"""The ledger: what it holds, and that all that is wrong with it is told together."""

from __future__ import annotations

from pathlib import Path

import pytest

from palimpsest.data.ledger import Request, forgotten_owners, read_ledger
from palimpsest.data.sources import locate
from palimpsest.errors import UserError


def write(tmp_path, text: str, encoding: str = "utf-8"):
    path = tmp_path / "ledger.tsv"
    path.write_bytes(text.encode(encoding))
    return path


def test_requests_in_order_with_any_owner_that_a_line_can_hold(tmp_path):
    path = write(tmp_path, "# a comment\nrequest\towners\nr2\tann\t../b ob\nr1\t$(rm -rf x)\n")
    assert read_ledger(path) == [Request("r2", ("ann", "../b ob")), Request("r1", ("$(rm -rf x)",))]


def test_no_ledger_means_no_requests(tmp_path):
    assert read_ledger(None) == []
    assert read_ledger(write(tmp_path, "request\towners\n")) == []


def test_forgotten_owners_are_those_up_to_and_with_a_request():
    requests = [Request("a", ("z", "b")), Request("b", ("c",))]
    assert forgotten_owners(requests, "r0") == []
    assert forgotten_owners(requests, "a") == ["b", "z"]
    assert forgotten_owners(requests, "b") == ["b", "c", "z"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("r1\tann\n\nr2\tbob\n", "line 3: an empty line"),
        ("r1\tann\nr1\tbob\n", "line 3: a request is named twice"),
        ("r0\tann\n", "not a name for a request"),
        ("../x\tann\n", "not a name for a request"),
        ("a b\tann\n", "not a name for a request"),
        ("r1 ann\n", "put one tab between a request and its owners"),
        ("r1,ann\n", "put one tab between a request and its owners"),
        ("r\u00e91\tann\n", "rename it"),
        ("r1\n", "names no owner"),
        ("r1\tann\t\tbob\n", "names no owner, or an empty one"),
        ("r1\tann\nr2\tann\n", "an owner is named twice"),
        ("r1\tann\tann\n", "an owner is named twice"),
    ],
)
def test_each_fault_is_named_with_its_line(tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        read_ledger(write(tmp_path, "request\towners\n" + lines))


def test_faults_are_told_together(tmp_path):
    with pytest.raises(UserError) as told:
        read_ledger(write(tmp_path, "request\towners\nr1\tann\n\nr1\tbob\nx y\tcid\n"))
    assert len(told.value.problems) == 3


@pytest.mark.parametrize("text", ["", "r1\tann\n", "request owners\n"])
def test_the_header_must_be_there(tmp_path, text):
    with pytest.raises(UserError, match="header is missing"):
        read_ledger(write(tmp_path, text))


def test_a_missing_or_undecodable_file_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="a new one begins with the line 'request.towners'"):
        read_ledger(tmp_path / "none.tsv")
    with pytest.raises(UserError, match="line 2: is not UTF-8"):
        read_ledger(write(tmp_path, "request\towners\nr1\t\xe9\n", "latin-1"))
    with pytest.raises(UserError, match="cannot be read"):
        read_ledger(tmp_path)


def test_from_a_wrong_directory_the_directory_is_named(tmp_path, monkeypatch):
    """To take the ledger out of the study, as was once proposed, would forget every request."""
    monkeypatch.chdir(tmp_path)
    for read, what in (
        (lambda: read_ledger("ledgers/demo.tsv"), f"no such file in {tmp_path}"),
        (lambda: locate({"path": "posts.csv"}, None, Path()), f"working directory, {tmp_path};"),
    ):
        with pytest.raises(UserError) as told:
            read()
        assert what in str(told.value) and "null" not in str(told.value)


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_a_ledger(tmp_path):
    path = write(tmp_path, "\ufeffrequest\towners\r\nr1\tann\tbob\r\n")
    assert read_ledger(path) == [Request("r1", ("ann", "bob"))]


def test_every_fault_says_what_is_allowed_and_what_to_do(tmp_path):
    path = write(tmp_path, "request\towners\n\n../x\tann\nr1\nr2\tbob\nr2\tcid\nr3\tbob\n")
    with pytest.raises(UserError) as told:
        read_ledger(path)
    assert len(told.value.problems) == 5 and all(
        problem.allowed and problem.remedy for problem in told.value.problems
    )
