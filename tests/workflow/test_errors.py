"""What is wrong is told before anything runs: where, what is allowed, what to do; no traceback, no text of a record."""

from __future__ import annotations

import pytest

from harness import MARK, Clone, owner_in


@pytest.fixture
def fresh(tmp_path) -> Clone:
    """A study that never ran."""
    return Clone.make(tmp_path / "fresh")


def told(clone: Clone, *arguments: str, **options) -> str:
    """What the terminal shows of a run that must fail; neither it nor a log holds a traceback or a text."""
    status = clone.snakemake(*arguments, **options)
    logs = "".join(path.read_text() for path in clone.path("results").rglob("*.log"))
    assert status != 0, clone.output
    assert "Traceback" not in clone.output + logs and MARK not in clone.output + logs
    return clone.output


def test_a_wrong_study_lists_the_studies(fresh):
    said = told(fresh, "--dry-run", "--config", "study=hatexplane", study=None)
    assert "'hatexplane'" in said and "demo, hatexplain" in said and "did you mean 'hatexplain'?" in said


def test_an_unknown_key_names_the_nearest(fresh):
    fresh.change_study(trainning={"epochs": 3})
    said = told(fresh, "--dry-run")
    assert "unknown key" in said and "did you mean 'training'?" in said


def test_several_problems_are_told_together(fresh):
    fresh.change_study(trainning={}, methods=["sisa_vot"], seeds=["one"], sharding=["3by2"])
    said = told(fresh, "--dry-run")
    assert "4 problems" in said
    for key in ("'trainning'", "methods.0", "seeds.0", "sharding.0"):
        assert key in said


def test_problems_of_a_ledger_are_told_together(fresh):
    fresh.write_ledger("r1 owner01; r1 owner02; r2; r/3 owner04")
    said = told(fresh, "--dry-run")
    for line in (3, 4, 5):
        assert f"ledger.tsv, line {line}" in said


def test_a_missing_source_is_told_before_anything_runs(fresh):
    fresh.path("posts.csv").unlink()
    said = told(fresh, "data")
    assert "posts.csv" in said and not fresh.path("results").exists()


def test_an_owner_that_the_data_lack(clone):
    """Found by the job that looks for the owner: no evidence, no new version of anything."""
    clone.write_ledger(f"r1 {owner_in('3x2', 1, 1)}; r2 owner99 owner01; r3 nobody")
    said = told(clone, "data", "--keep-going")
    assert "'owner99'" in said and "'nobody'" in said and "owner01'" not in said
    assert not clone.path("results/tiny/requests/r2.json").exists() and not list(clone.path("results/tiny").rglob("r2.parquet"))


def test_bad_rows_are_named_by_place(fresh):
    """All of a file together; by file and row, never by their text."""
    text = fresh.path("posts.csv").read_text(encoding="utf-8").split("\n")
    cells = [line.split(",") for line in text[1:4]]
    cells[0][2], cells[1][3], cells[2][1] = "maybe", "practice", ""
    fresh.path("posts.csv").write_text("\n".join([text[0], *map(",".join, cells), *text[4:]]), encoding="utf-8")
    said = told(fresh, "data")
    for found in ("unknown label", "unknown split", "text is empty", "'maybe'", "'practice'", "row 1", "row 2", "row 3"):
        assert found in said, found
