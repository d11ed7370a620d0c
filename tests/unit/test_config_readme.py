"""config/README.md says of every key what the schema says, and its walk-through works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from stepping import read_records

from palimpsest.data.groups import check_calibration, index_of
from palimpsest.data.ledger import read_ledger
from palimpsest.errors import UserError
from palimpsest.steps.readme import filled, key_tables
from palimpsest.study.load import check_study, schema

PAGE = (Path(__file__).resolve().parents[2] / "config" / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def study():
    return check_study(yaml.safe_load(blocks("yaml")[0]), where="config/README.md")


def test_every_key_of_the_schema_is_explained():
    """The page holds what the schema makes of itself; a key that was added or described anew makes
    them differ."""
    remedy = "run: PYTHONPATH=workflow python -m palimpsest readme --keys --page config/README.md"
    assert filled(PAGE, {"keys": key_tables(schema())}, "config/README.md") == PAGE, remedy


def test_every_key_has_a_row():
    """Found by a walk of its own through the schema: all that stands under `properties`, wherever
    it is."""

    def names(node):
        if isinstance(node, dict):
            for name, child in node.items():
                if name == "properties":
                    yield from child
                yield from names(child)

    rows = {
        key.rpartition(".")[2] for key in re.findall(r"^\| `([\w.]+)`", PAGE, flags=re.MULTILINE)
    }
    sections = set(re.findall(r"^### (\w+)$", PAGE, flags=re.MULTILINE))
    assert set(names(schema())) <= rows | sections


def test_the_walk_through_is_a_study(study, tmp_path):
    """11 rows of 6 customers: 5 to learn from, 4 to fit post-processors on (each city with either
    verdict), 2 to report on.

    'bad' is 1: rows 1, 3, 6, 8 and 10. Light, lamp or shade stand in rows 1, 2 and 5 as words;
    'Bright' is none.
    """
    source = tmp_path / "reviews.csv"
    source.write_text(blocks("csv")[0], encoding="utf-8")
    assert Path(study["data"]["sources"][0]["path"]).name == source.name
    records, report = read_records(study["data"], [source], classes=study["data"]["classes"])
    assert report.by_split == {"train": 5, "valid": 4, "test": 2} and not report.dropped
    assert set(records.loc[records["label"] == 1, "record_id"]) == {"1", "3", "6", "8", "10"}
    index = index_of(records, study["groups"])
    assert set(index.loc[index["about_light"] == "mentions", "record_id"]) == {"1", "2", "5"}
    check_calibration(index, study["fairness"]["groups"])

    ledger = tmp_path / "ledger.tsv"
    ledger.write_text(blocks("tsv")[0], encoding="utf-8")
    requests = {request.name: request.owners for request in read_ledger(ledger)}
    assert requests == {"r1": ("ana",), "r2": ("ben", "dora")}
    assert {owner for owners in requests.values() for owner in owners} <= set(records["owner"])


def test_the_causal_study_of_the_page_is_one():
    study = check_study(
        {"study": "shop", **yaml.safe_load(blocks("yaml")[1])}, where="config/README.md"
    )
    assert study["track"] == "causal" and study["model"]["prompt"].endswith("{completion}")


def test_sources_of_the_page_are_sources(study):
    sources = yaml.safe_load(blocks("yaml")[-1])["sources"]
    study["data"]["sources"] = sources
    check_study(study, where="config/README.md")


def test_a_block_without_its_markers_is_told():
    begin, end = "<!-- begin: keys -->\n", "<!-- end: keys -->\n"
    for page in ("", begin, end, end + begin, (begin + end) * 2):
        with pytest.raises(UserError, match="there is no block 'keys'"):
            filled(page, {"keys": ""}, "page.md")
