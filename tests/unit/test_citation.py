"""CITATION.cff says of the project what pyproject.toml says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from palimpsest import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_it_agrees_with_the_project():
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
