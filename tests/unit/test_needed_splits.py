"""Which splits a study needs, and where it is told that one is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from palimpsest.errors import UserError
from palimpsest.study import paths
from palimpsest.study.load import check_study
from palimpsest.study.study import Study
from palimpsest.study.wants import WANTS
from palimpsest.study.wants import data as wants
from palimpsest.study.wants.data import check_splits, needed_splits

STUDIES = Path(__file__).resolve().parents[2] / "config" / "studies"
DEMO = yaml.safe_load((STUDIES / "demo.yaml").read_text())
TABLE = {"reader": "table", "columns": {"text": "t", "label": "l"}, "keep": ["place"]}
SOURCES = [{"path": "a.csv", "split": "train"}, {"path": "b.csv", "split": "test"}]
PLAIN = ["base", "oracle", "sisa_vote"]


def study_of(data: dict, methods: list[str], fairness: dict | None = None) -> dict:
    groups = {"place": {"column": "place", "fine": True}}
    given = {"data": TABLE | data, "methods": methods, "groups": groups}
    return DEMO | given | {"ledger": None, "fairness": fairness or {"groups": ["place"]}}


@pytest.mark.parametrize(
    "data",
    [
        {"sources": SOURCES},
        {"sources": SOURCES[:1], "split_shares": {"train": 0.8, "test": 0.2}},
        {"sources": SOURCES[:1], "split_shares": {"train": 0.8, "test": 0.2, "valid": 0.0}},
        {
            "sources": [{"path": "a.csv"}], "columns": {**TABLE["columns"], "split": "part"},
            "splits": {"tr": "train", "te": "test", "dev": "drop"},
        },
    ],
)  # fmt: skip
def test_without_valid_a_study_runs_where_nothing_is_fitted(data):
    """And is refused from its YAML alone, with the names of what is, where something is."""
    if "split_shares" in data:
        data = data | {"sources": [{"path": "a.csv"}]}
    check_study(study_of(data, PLAIN), "x.yaml")
    with pytest.raises(UserError, match="validation records are needed") as raised:
        check_study(study_of(data, [*PLAIN, "fairsisa_ensemble"]), "x.yaml")
    (problem,) = raised.value.problems
    assert problem.found == "test, train; for fairsisa_ensemble"
    with pytest.raises(UserError, match="for data.extra_share"):
        check_study(study_of(data | {"extra_share": 0.5}, PLAIN), "x.yaml")


@pytest.mark.parametrize(
    "data",
    [
        {"sources": SOURCES, "split_shares": {"train": {"train": 0.9, "valid": 0.1}}},
        {"sources": [*SOURCES, {"path": "c.csv", "split": "dev"}], "splits": {
            "train": "train", "test": "test", "dev": "valid"}},
        {"sources": [{"path": "a.csv"}], "columns": {**TABLE["columns"], "split": "part"}},
    ],
)  # fmt: skip
def test_what_has_valid_or_may_have_it_is_not_refused(data):
    check_study(study_of(data, [*PLAIN, "fairsisa_ensemble"]), "x.yaml")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A study without valid whose records are there, with the methods."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(f"{name}.csv").write_text("t,l,place\n")

    def made(*methods: str, counts: dict | None = None) -> Study:
        columns = {**TABLE["columns"], "split": "part"}
        sources = [{"path": "a.csv"}]
        config = study_of({"sources": sources, "columns": columns}, [*PLAIN, *methods])
        study = Study(check_study(config, "x.yaml"))
        monkeypatch.setattr(wants, "records_made", lambda study: {"by_split": counts or {}})
        return study

    return made


def test_records_tell_by_whom_a_split_is_missed(made):
    counts = {"train": 8, "test": 2}
    check_splits(made(counts=counts))
    check_splits(made("base_postprocessed"))  # no records yet
    with pytest.raises(UserError, match="no record is in split valid") as raised:
        check_splits(made("base_postprocessed", "fairsisa_ensemble", counts=counts))
    (problem,) = raised.value.problems
    assert "valid is for base_postprocessed, fairsisa_ensemble" in problem.allowed
    assert problem.where == "results/demo/data/records.json" and problem.found == "8 train, 2 test"


def test_the_records_and_their_groups_are_held_to_what_is_needed(made):
    study = made("base_postprocessed", "gradient_ascent")
    assert needed_splits(study) == {"valid": "base_postprocessed", "extra": "gradient_ascent"}
    said = WANTS["records"](study).arguments(None)
    assert "--needed valid base_postprocessed --needed extra gradient_ascent" in said
    fitted = json.loads(WANTS["index"](study).settings_json(None))["fitted"]
    assert fitted == ["place"]
    plain = made()
    assert needed_splits(plain) == {} and WANTS["index"](plain).settings(None)["fitted"] == []
    assert "--needed" not in WANTS["records"](plain).arguments(None)
    assert paths.RECORDS_REPORT.endswith("records.json")
