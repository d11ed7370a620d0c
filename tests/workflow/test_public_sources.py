"""A study of public data runs where there is no mirror: all that it needs is fetched."""

from __future__ import annotations

import re

import pytest

from harness import Clone


@pytest.fixture
def fresh(tmp_path) -> Clone:
    return Clone.make(tmp_path / "fresh")


def test_hatexplain_without_a_mirror_fetches_its_sources(fresh):
    """The official pair, WikiText-2 and 18 novels: 2 + 19 jobs, whose settings name what they
    fetch."""
    assert (
        fresh.snakemake("--dry-run", "--printshellcmds", "--config", "study=hatexplain", study=None)
        == 0
    ), fresh.output
    fetched = [line for line in fresh.output.split("\n") if "palimpsest fetch" in line]
    named = re.findall(r'"(?:url|hub)": "([^"]+)"', "\n".join(fetched))
    assert len(fetched) == len(set(named)) == 21, fresh.output
    assert {name.split("/")[-1] for name in named} > {
        "dataset.json",
        "post_id_divisions.json",
        "wikitext",
        "Hardy_Tess_1891.txt",
    }
    official = "https://raw.githubusercontent.com/hate-alert/HateXplain/master/Data/"
    assert {official + name for name in ("dataset.json", "post_id_divisions.json")} < set(named)
    assert (
        "--ledger config/ledgers/hatexplain-official.tsv" in fresh.output
        and "hatexplain.tsv" not in fresh.output
    )
    assert re.search(r"^train +\d{3}$", fresh.output, flags=re.MULTILINE)


def test_a_mirror_that_lacks_files_names_each_of_them(fresh):
    fresh.path("mirror").mkdir()
    assert (
        fresh.snakemake("--dry-run", "--config", "study=hatexplain", "mirror=mirror", study=None)
        != 0
    )
    assert "21 problems" in fresh.output
    for name in (
        "hatexplain/hatexplain.csv",
        "wikitext2/train.txt",
        "novels/Trollope_Warden_1855.txt",
    ):
        assert f"mirror/{name}" in fresh.output
