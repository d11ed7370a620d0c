"""Who is asked to be forgotten is looked up when the graph is built, as soon as the records are
there: unknown owners, owners in several spellings, splits that would be emptied."""

from __future__ import annotations

import pytest

from harness import OWNERS, Clone, posts, steps, write_rows
from refusals import told

RECORDS = "results/tiny/data/records.parquet"
FIRST = OWNERS[1]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory) -> Clone:
    """Records in which every other row of an owner spells the name in capitals, with a blank, and
    the index; an owner of its own has the records of split extra."""
    clone = Clone.make(tmp_path_factory.mktemp("owners") / "clone")
    rows = posts()
    for number, row in enumerate(row for row in rows if row["who"] == FIRST):
        row["who"] = f"{FIRST.upper()} " if number % 2 else FIRST
    rows += [row | {"who": "unseen", "part": "extra"} for row in rows[:3]]
    write_rows(clone.path("posts.csv"), rows)
    assert clone.snakemake(RECORDS) == 0, clone.output
    return clone


@pytest.fixture
def clone(indexed, tmp_path) -> Clone:
    return indexed.copy(tmp_path / "clone")


def test_an_unknown_owner_is_refused_by_a_dry_run(clone):
    clone.write_ledger("r1 nobody")
    said = told(clone, "--dry-run")
    assert "the data hold no record of this owner" in said and "'nobody'" in said


def test_spellings_are_named_and_a_decision_asked_for(clone):
    clone.write_ledger(f"r1 {OWNERS[2]}")
    assert clone.snakemake("--dry-run") == 0, clone.output
    assert f"'{FIRST.upper()} ' and '{FIRST}'" in clone.output
    clone.write_ledger(f"r1 {FIRST}")
    said = told(clone, "--dry-run")
    assert "in several spellings" in said and "same_owner: normalized" in said
    clone.change_study(same_owner="exact")
    jobs = clone.jobs()
    assert not steps(jobs, "records") and "several spellings" not in clone.output
    clone.change_study(same_owner="normalized")
    assert clone.snakemake("results/tiny/requests/r1.json") == 0, clone.output
    assert clone.snakemake("--dry-run") == 0, clone.output


def test_a_request_for_all_of_a_split_that_a_method_needs_is_refused(clone):
    methods = ["oracle", "base", "sisa_vote", "gradient_ascent"]
    clone.change_study(methods=methods, fairness={"groups": []})
    clone.write_ledger("r1 unseen")
    said = told(clone, "--dry-run")
    assert "a request leaves no record in split extra" in said


def test_what_the_records_do_not_show_any_more_is_left_to_the_jobs(clone):
    """The source has changed, or how it is read: it may hold the owner now."""
    clone.write_ledger("r1 newcomer")
    rows = [row | {"who": "newcomer"} for row in posts()[:4]]
    with open(clone.path("posts.csv"), "a", encoding="utf-8") as file:
        file.write("".join(",".join(map(str, row.values())) + "\n" for row in rows))
    assert clone.snakemake("--dry-run") == 0, clone.output
