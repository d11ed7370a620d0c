"""What is read by others than users: CITATION.cff, and what the Snakemake workflow catalog and
snakedeploy look for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from palimpsest import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_citation_agrees_with_the_project():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert cited["title"].lower() == project["name"]
    assert cited["title"] == re.match("# (.+)", (ROOT / "README.md").read_text("utf-8"))[1]
    assert cited["abstract"] == project["description"].strip()
    assert cited["license"] == project["license"]
    assert cited["version"] == __version__
    assert f"## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert cited["message"] and all(author["name"] for author in cited["authors"])


def test_the_catalog_finds_a_workflow_of_standardized_usage():
    """Its conditions, of source/docs/about/adding_workflows.md in snakemake-workflow-catalog."""
    readme = (ROOT / "README.md").read_text("utf-8").lower()
    assert "snakemake" in readme and "workflow" in readme
    assert (ROOT / "workflow/Snakefile").is_file() and (ROOT / "config/README.md").is_file()
    rules = [one.read_text("utf-8") for one in (ROOT / "workflow/rules").iterdir()]
    assert all(one.suffix == ".smk" for one in (ROOT / "workflow/rules").iterdir())
    written = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))
    assert written.keys() == {"usage"}
    steps = [
        one for text in rules for one in re.findall(r"(?s)\n *rule\b.+?(?=\n *rule\b|$)", text)
    ]
    calling = [one for one in steps if "python -m palimpsest" in one]
    in_containers = any(re.search(r"^ *container(ized)?:", one, re.MULTILINE) for one in rules)
    assert written["usage"] == {
        "software-stack-deployment": {
            "conda": bool(calling) and all("conda:" in one for one in calling),
            "apptainer": in_containers,
            "apptainer+conda": in_containers,
        },
        "report": "\nreport:" in (ROOT / "workflow/Snakefile").read_text("utf-8"),
    }


def test_snakedeploy_finds_what_it_copies():
    """config/, of which its Snakefile names config.yaml; profiles/, one of which loads by itself;
    the licence."""
    for name in ("config/config.yaml", "profiles/default/profile.yaml", "LICENSE"):
        assert (ROOT / name).is_file()
