"""The last lines of a run: where to look, what the summary warns of, what was not checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from told import owner_of, read, study_of, write_posts

from palimpsest.report.summary import Section, as_html
from palimpsest.report.warnings import warnings_in
from palimpsest.study import paths
from palimpsest.study.ends import config_of, unchecked, where_to_look
from palimpsest.study.wants.targets import all_files, data_files

WARNINGS = tuple(f'WARNING: <b>{number}</b> & "x"' for number in range(7))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_posts()


def write_summary(study, *warnings: str) -> None:
    page = Path(study.path(paths.SUMMARY_PAGE))
    page.parent.mkdir(parents=True)
    page.write_text(as_html([Section("Summary", "text", warnings=warnings)]))


def test_a_whole_run_ends_with_where_to_look():
    study = study_of(f"r1 {owner_of(1, 1)}")
    write_summary(study, *WARNINGS[:1])
    argv = ["snakemake", "--cores", "2", "all", "--config", "study=a b.yaml", "mirror=m", "-k"]
    assert where_to_look([study], set(all_files(study)), argv) == [
        "small: results/small/tables/summary.md, results/small/figures/, "
        "results/small/certificates/",
        f"  {WARNINGS[0]}",
        "All on one page: snakemake --report results/small/report.html --config 'study=a b.yaml' "
        "mirror=m",
    ]


def test_a_run_for_less_ends_with_less():
    study = study_of()
    assert where_to_look([study], {study.path(paths.SUMMARY)}, []) == [
        "small: results/small/tables/summary.md"
    ]
    asked = {*data_files(study), study.path(paths.RECORDS_REPORT)}
    assert where_to_look([study], asked, []) == [
        "small: results/small/data/records.json counts what was read"
    ]
    assert where_to_look([study], set(), []) == []


def test_many_warnings_are_counted():
    study = study_of()
    write_summary(study, *WARNINGS)
    lines = where_to_look([study], {study.path(paths.SUMMARY)}, [])
    assert lines[1:] == [
        *(f"  {warning}" for warning in WARNINGS[:5]),
        "  and 2 warnings more, in the summary",
    ]


def test_warnings_are_found_as_they_were_written(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(as_html([Section("a", warnings=WARNINGS[:2]), Section("b")]))
    assert warnings_in(page) == [*WARNINGS[:2]]
    assert warnings_in(tmp_path / "none.html") == []


@pytest.mark.parametrize(
    "argv, chosen",
    [
        (["--cores", "1"], []),
        (["-C", "study=a", "--cores", "1"], ["-C", "study=a"]),
        (["--configfile=a.yaml", "-n"], ["--configfile=a.yaml"]),
        (["--configfiles", "a.yaml", "b.yaml", "-n"], ["--configfiles", "a.yaml", "b.yaml"]),
        (["--until", "x", "--config", "a=1", "--until", "y"], ["--config", "a=1"]),
    ],
)
def test_the_report_is_of_the_same_studies(argv, chosen):
    assert config_of(["snakemake", *argv]) == chosen


def test_a_dry_run_says_that_it_did_not_check_the_data():
    study = study_of()
    (line,) = unchecked([study])
    assert "`-n` checked the YAML of small, not the data: `snakemake data`" in line
    read(study)
    assert unchecked([study]) == []
    with open("posts.csv", "a") as file:
        file.write("owner99,another text,1,train\n")
    assert unchecked([study]) != []  # of the present sources there are none
