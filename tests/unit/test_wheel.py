"""The wheel holds all that `palimpsest` needs: its commands work where nothing else of the
repository is, and say what they lack in an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "workflow" / "palimpsest"
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
# All that reads a file of its own, of which the steps that rules alone call are no part: for these
# the workflow is there.
READS = """
from palimpsest.audit.filed import _schema as certificates
from palimpsest.engine.provenance import code_digest
from palimpsest.engine.release import release
from palimpsest.study.schema import schema
print(schema()["title"], "and", certificates().schema["title"], "by", release()["commit"])
assert len(code_digest("palimpsest.steps.slice")) > 10
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder into which the wheel was unpacked. It is built from a copy, in which a build
    leaves its own files."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    unneeded = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(PACKAGE, source / "workflow" / "palimpsest", ignore=unneeded)
    for name in ("pyproject.toml", "README.md", "LICENSE"):  # as envs/Containerfile has them
        shutil.copy(ROOT / name, source)
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=source, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("palimpsest-*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def run(site, tmp_path):
    """run(...) starts Python with these arguments in an empty folder, by the wheel alone; its exit
    status, and what it said."""

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=dict(os.environ) | {"PYTHONPATH": str(site)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert "Traceback" not in done.stdout, done.stdout
        return done.returncode, done.stdout

    return run


def test_it_holds_every_file_of_the_package(site):
    written = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {
        path.relative_to(site / "palimpsest").as_posix()
        for path in (site / "palimpsest").rglob("*")
        if path.is_file()
    }
    assert held == written
    assert {path for path in written if not path.endswith(".py")} == {
        "schemas/certificate.schema.yaml",
        "schemas/study.schema.yaml",
    }
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} == {"palimpsest"}


def test_what_it_reads_is_there(run):
    assert run("-c", READS) == (0, "A study and Certificate by None\n")


@pytest.mark.parametrize("command", ["certificate check", "owners demo --grep somebody"])
def test_a_command_says_what_it_lacks(run, command):
    status, said = run("-m", "palimpsest", *command.split())
    assert status == 1 and "name the YAML file of a study" in said


def test_a_command_finds_the_study_of_its_folder(run, tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    status, said = run("-m", "palimpsest", "owners", "demo", "--grep", "somebody")
    assert status == 1 and "run `snakemake data` for this study first" in said
