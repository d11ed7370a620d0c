"""Names that become wildcards of Snakemake: it must not take one for a loop, nor a file system
refuse it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from snakemake.io import PeriodicityDetector

from palimpsest.data.ledger import read_ledger
from palimpsest.data.names import LONGEST, name_problems, repeats
from palimpsest.data.sources import fetched_name
from palimpsest.errors import UserError
from palimpsest.study.load import check_study

STUDIES = Path(__file__).resolve().parents[2] / "config" / "studies"
PEOPLE = yaml.safe_load((STUDIES / "people.yaml").read_text())
NAMES = ["R" * 64, "R" * 20, "R" * 19, "x" + "ab" * 20, "ab" * 19 + "a", "abc" * 20, "R" * 30 + "1",
         "npo-" + "1" * 20, "r1", "a-b_" * 16]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_where_snakemake_would_refuse_it(name):
    """By Snakemake's own class, which raises a PeriodicWildcardError for it."""
    assert bool(repeats(name)) == (PeriodicityDetector().is_periodic(name) is not None)
    assert len(list(name_problems(name, "here"))) == bool(repeats(name))


def test_the_longest():
    letters = "0123456789" * 9
    assert not list(name_problems(letters[:LONGEST], "here"))
    (problem,) = name_problems(letters[: LONGEST + 1], "here")
    assert problem.what == "the name is too long" and "at most 64" in problem.allowed


@pytest.mark.parametrize("name", ["R" * 64, "x" + "ab" * 20])
def test_a_request(name, tmp_path):
    ledger = tmp_path / "ledger.tsv"
    ledger.write_text(f"request\towners\n{name}\tann\n{'r' * 65}\tbob\n")
    with pytest.raises(UserError) as told:
        read_ledger(ledger)
    first, second = told.value.problems
    assert "again and again" in first.what and first.where.endswith("line 2")
    assert "at most 64 letters" in second.allowed and second.where.endswith("line 3")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("study", "s" * 20),
        ("methods", f"npo-{'b' * 20}"),
        ("methods", f"npo-{'ab1' * 30}"),
        ("attacks", f"relearn-{'b' * 20}"),
        ("attacks", f"relearn-{'0123456789' * 6}"),
    ],
)
def test_a_study_and_the_variants_in_it(key, name):
    study = copy.deepcopy(PEOPLE)
    if key == "study":
        study[key] = name
    elif key == "methods":
        study[key].append(name)
        study["options"][name] = {"order": "batch"}
    else:
        study[key] = {**study.get(key, {}), name: {"epochs": 1}}
    with pytest.raises(UserError) as told:
        check_study(study, "study.yaml")
    (problem,) = told.value.problems
    assert problem.where == f"study.yaml, {key}" and "name" in problem.what


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/a b.csv.gz", "a-b.csv.gz"),
        (f"https://example.org/{'a' * 40}", "source"),
        (f"https://example.org/{'0123456789' * 30}.csv", ("0123456789" * 30 + ".csv")[-64:]),
        ("https://example.org/", "source"),
    ],
)
def test_what_is_fetched_gets_a_name_that_can_stand(url, name):
    assert fetched_name({"url": url})[9:] == name
