"""Results that were there before a run: of jobs that did not finish they come back, with date and
record."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from palimpsest.engine.earlier import Earlier, clear


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two results of job 1 and one of job 2, all from the year 2001, with Snakemake's records of
    the first and the last."""
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    Path("records").mkdir()
    for name in "abc":
        Path("results", name).write_text(f"old {name}")
        os.utime(Path("results", name), (10**9, 10**9))
    for name in "ac":
        Path("records", name).write_text(f"how {name} was made")
    earlier = Earlier(Path("held/run"), lambda path: Path("records", Path(path).name))
    earlier.hold(1, ["results/a", "results/b", "results/new"])
    earlier.hold(2, ["results/c"])
    return earlier


def state() -> dict[str, tuple[str, float]]:
    return {
        str(path): (path.read_text(), path.stat().st_mtime)
        for path in sorted(Path(".").glob("*/*"))
        if path.is_file()
    }


def fail(*names: str) -> None:
    """What Snakemake does: remove the outputs, run, and keep a record of the failed job too."""
    for name in names:
        Path("results", name).unlink()
        Path("records", name).write_text("how it failed")


def test_of_a_failed_job_all_is_as_it_was(results):
    records = {name: Path("records", name).read_text() for name in "ac"}
    fail("a", "b")
    assert results.put_back({2}) == (["results/a", "results/b"], [])
    assert {path: file for path, file in state().items() if path.startswith("results")} == {
        f"results/{name}": (f"old {name}", 10**9) for name in "abc"
    }
    assert {
        path.name: path.read_text() for path in Path("records").iterdir()
    } == records and not Path("held/run").exists()


def test_what_finished_jobs_made_stays(results):
    for name in "abc":
        Path("results", name).unlink()
        Path("results", name).write_text("new")
        Path("records", name).write_text("how the new one was made")
    assert results.put_back({1, 2}) == ([], [])
    assert {file for file, _ in state().values()} == {"new", "how the new one was made"}


def test_a_copy_that_snakemake_put_back_itself_gets_its_date_and_record_again(results):
    """As it does for outputs that are marked `update`."""
    fail("c")
    Path("results/c").write_text("old c")
    assert results.put_back({1}) == (["results/c"], [])
    assert (
        state()["results/c"] == ("old c", 10**9)
        and Path("records/c").read_text() == "how c was made"
    )


def test_jobs_that_never_ran_keep_their_files(results):
    before = {path: file for path, file in state().items() if path.startswith("results")}
    assert results.put_back(set()) == ([], [])
    assert {path: file for path, file in state().items() if path.startswith("results")} == before


def test_records_in_a_database_are_left_alone(results, tmp_path):
    results.drop()
    results.record = lambda path: None
    results.hold(1, ["results/a"])
    fail("a")
    assert (
        results.put_back(set()) == (["results/a"], [])
        and Path("records/a").read_text() == "how it failed"
    )


def test_dropping_forgets_all(results):
    fail("a")
    results.drop()
    assert (
        results.put_back(set()) == ([], [])
        and not Path("held/run").exists()
        and not Path("results/a").exists()
    )


def test_without_hard_links_nothing_is_held(results, monkeypatch):
    def link(*paths):
        raise OSError("no links here")

    results.drop()
    monkeypatch.setattr(os, "link", link)
    results.hold(1, ["results/a"])
    fail("a")
    assert results.put_back(set()) == ([], []) and not Path("results/a").exists()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("of another study")])
def test_what_is_no_longer_what_was_held_is_not_put_back(results, spoil):
    fail("a", "b")
    spoil(Path("held/run/0"))
    assert results.put_back({2}) == (["results/b"], ["results/a"])
    assert not Path("results/a").exists()


def test_what_an_earlier_process_of_the_same_name_held_is_in_no_way(results):
    """Where the file system has no locks, nobody else clears it away."""
    again = Earlier(Path("held/run"), results.record)
    again.hold(1, ["results/a"])
    fail("a")
    assert again.put_back(set()) == (["results/a"], [])


def test_two_runs_hold_their_own(results):
    """Each numbers what it holds from 0."""
    other = Earlier(Path("held/other"), lambda path: None)
    Path("results/d").write_text("old d")
    other.hold(1, ["results/d"])
    fail("a", "b")
    other.drop()
    assert results.put_back({2}) == (["results/a", "results/b"], [])
    assert Path("results/a").read_text() == "old a"


def test_what_ended_runs_left_is_removed(results):
    for name in ("killed/0", "alive/0"):
        Path("held", name).parent.mkdir()
        Path("held", name).write_text("x")
    Path("held/7").write_text("of an older layout")
    clear(Path("held"), ["alive", "run"])
    assert sorted(path.name for path in Path("held").iterdir()) == ["alive", "run"]
    clear(Path("nowhere"), [])
