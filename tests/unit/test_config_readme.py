"""config/README.md says of every key what the schema says, and its examples are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from palimpsest.data.ledger import read_ledger
from palimpsest.errors import UserError
from palimpsest.steps.readme import filled, key_tables
from palimpsest.study.load import check_study, schema

COLUMNS = {"text": "text", "label": "label"}
PAGE = (Path(__file__).resolve().parents[2] / "config" / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_every_key_of_the_schema_is_explained():
    """The page holds what the schema makes of itself; a key that was added or described anew makes
    them differ."""
    remedy = "run: snakemake --cores 1 config/README.md"
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


def test_the_ledger_of_the_page_is_one(tmp_path):
    ledger = tmp_path / "ledger.tsv"
    ledger.write_text(blocks("tsv")[0], encoding="utf-8")
    requests = {request.name: request.owners for request in read_ledger(ledger)}
    assert requests == {"r1": ("ana",), "r2": ("ben", "dora")}


def test_tables_of_other_forms_are_read_as_the_page_says():
    """Each row of keys fits a study, besides keys of other rows or instead of them."""
    section = PAGE.partition("## Tables of other forms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|.* \| `(.+)` \|$", section, flags=re.MULTILINE)
    given = [yaml.safe_load(f"{{{row}}}") for row in rows]
    assert {key for keys in given for key in keys} == {
        "separator", "header", "columns", "txt", "sources", "drop", "labels"
    }  # fmt: skip
    for keys in given:
        shares = {} if "sources" in keys else {"split_shares": {"train": 0.5, "test": 0.5}}
        data = {"reader": "table", "sources": [{"path": "a.csv"}], "columns": COLUMNS}
        study = {"study": "x", "data": data | shares | keys, "model": {"init": "models/mine"}}
        check_study(study | {"sharding": ["1x1"], "methods": ["base", "oracle"]}, where="page")


def test_sources_of_the_page_are_sources():
    """The two say their split."""
    study = {
        "study": "posts",
        "data": {
            "reader": "table",
            "sources": yaml.safe_load(blocks("yaml")[-1])["sources"],
            "columns": {"text": "post", "label": "rude"},
        },
        "model": {"init": "start"},
        "sharding": ["1x1"],
        "methods": ["base", "oracle"],
    }
    check_study(study, where="config/README.md")


def test_a_block_without_its_markers_is_told():
    begin, end = "<!-- begin: keys -->\n", "<!-- end: keys -->\n"
    for page in ("", begin, end, end + begin, (begin + end) * 2):
        with pytest.raises(UserError, match="there is no block 'keys'"):
            filled(page, {"keys": ""}, "page.md")
