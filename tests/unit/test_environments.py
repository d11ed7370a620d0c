"""envs/: the environment of a rule holds what the step that the rule calls imports, as
pyproject.toml pins it; containers hold the whole project, and both recipes are alike."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from palimpsest import __version__
from palimpsest.engine.provenance import _file_of, closure
from palimpsest.methods.registry import METHODS
from palimpsest.plots.registry import FIGURES
from palimpsest.tracks import TRACKS, module_of, track_of

ROOT = Path(__file__).resolve().parents[2]
# where a module is not called as its package
PACKAGE_OF = {"yaml": "pyyaml", "rouge_score": "rouge-score"}
# Modules that import these in functions which no step of such an environment calls; what reads a
# user's --config, no rule does.
UNCALLED = {
    "torch": {"palimpsest.randomness"},
    "tokenizers": {"palimpsest.audit.look"},
    "rouge-score": {"palimpsest.metrics.extraction"},
    "regex": {"palimpsest.data.groups", "palimpsest.data.words"},
    "huggingface_hub": {"palimpsest.models.start"},
    "jinja2": {"palimpsest.data.prompts"},
    "snakemake": {"palimpsest.audit.arguments"},
}


def parts(*names: str) -> list[str]:
    """Modules of every track's folder."""
    return [module_of(track, name) for track in TRACKS for name in names]


# Named to a step by its settings.
DECIDING, TRAINING = (
    [method.module for method in METHODS.values() if method.trains == trains]
    for trains in (False, True)
)
BY_NAME = {
    "decide": DECIDING,
    "epsilon": DECIDING,
    "train": parts("model"),
    "score": parts("model", "score"),
    "unlearn": [*parts("model", "memory"), *TRAINING],
    "measure": [
        *parts("measure"),
        *(module_of(name, part) for name in TRACKS for part in track_of(name).around),
    ],
    "tabulate": parts("summary"),
    "draw": [f"palimpsest.plots.{name}" for name in FIGURES],
}


def rules() -> list[tuple[str, str, str]]:
    """(file and number, its step, its environment) of every rule that calls a step."""
    found = []
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for number, text in enumerate(
            re.split(r"^ *rule\b", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
        ):
            step = re.search(r"python -m palimpsest (\w+)", text)
            if step:
                found.append(
                    (f"{path.stem}-{number}", step[1], re.search(r"envs/(\w+)\.yaml", text)[1])
                )
    return found


def needed(step: str) -> dict[str, set[str]]:
    """Package -> modules that import it, of all that a step imports, inside functions too."""
    found: dict[str, set[str]] = {}
    for module in closure(
        f"palimpsest.steps.{step}", "palimpsest.engine.cli", *BY_NAME.get(step, ())
    ):
        for node in ast.walk(ast.parse(_file_of(module).read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in (
                {name.split(".")[0] for name in names}
                - set(sys.stdlib_module_names)
                - {"palimpsest"}
            ):
                found.setdefault(PACKAGE_OF.get(name, name), set()).add(module)
    return found


def held(environment: str) -> dict[str, str]:
    """Package -> requirement."""
    pip = yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text(encoding="utf-8"))[
        "dependencies"
    ][-1]["pip"]
    return {re.split(r"[=>]=", requirement)[0]: requirement for requirement in pip}


@pytest.mark.parametrize(
    ("step", "environment"), [rule[1:] for rule in rules()], ids=[rule[0] for rule in rules()]
)
def test_an_environment_holds_what_its_steps_import(step, environment):
    lacking = {
        name: modules for name, modules in needed(step).items() if name not in held(environment)
    }
    assert not {
        name: modules
        for name, modules in lacking.items()
        if not modules <= UNCALLED.get(name, set())
    }


ENVIRONMENTS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environments_pin_what_the_project_pins(environment):
    assert set(held(environment).values()) <= set(PROJECT["dependencies"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environments_hold_nothing_that_no_step_imports(environment):
    """But what packages of them need, and the project pins: jinja2 writes chats, tokenizers reads
    them."""
    steps = {step for _, step, of in rules() if of == environment}
    imported = {name for step in steps for name in needed(step)}
    assert held(environment).keys() - imported <= {"jinja2"}


def test_extras_pin_alike_and_one_is_there_for_each_profile():
    pins: dict[str, set[str]] = {}
    for requirement in (one for extra in EXTRAS.values() for one in extra):
        pins.setdefault(requirement.partition("==")[0], set()).add(requirement)
    assert all(len(one) == 1 for one in pins.values()), pins
    profiles = {path.parent.name for path in ROOT.glob("workflow/profiles/*/profile.yaml")}
    assert profiles == EXTRAS.keys() - {"test"}
    for name in profiles:
        assert EXTRAS[name][0].startswith(f"snakemake-executor-plugin-{name}==")


# --- containers -----------------------------------------------------------------------------------

OCI, APPTAINER = (
    (ROOT / "envs" / name).read_text(encoding="utf-8")
    for name in ("Containerfile", "palimpsest.def")
)


def test_both_containers_are_made_alike():
    """Of what lies in the repository, from one Python, that of the environments; of what is needed
    to install the project, nothing is missing (test_wheel.py builds it from these)."""
    base = re.search(r"^FROM (.+)$", OCI, re.MULTILINE)[1]
    assert base in APPTAINER
    python = {
        yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text("utf-8"))["dependencies"][0]
        for name in ENVIRONMENTS
    }
    assert python == {f"python ={re.search('python:([0-9.]+)-', base)[1]}"}
    commands = re.findall(r"(?:apt-get|pip) install .+", OCI)
    assert len(commands) == 2
    assert [one.rstrip(" \\") for one in commands] == [
        one.replace("{{ TORCH }}", "$TORCH")
        for one in re.findall(r"(?:apt-get|pip) install .+", APPTAINER)
    ]
    assert re.search("TORCH=(.+)", OCI[OCI.index("ARG") :])[1] in APPTAINER
    assert set(copied()) == set(
        re.findall(r"^    (\S+) /opt/palimpsest/\1$", APPTAINER, re.MULTILINE)
    )


def copied() -> list[str]:
    """What the Containerfile takes of the repository."""
    lines = re.findall(r"^COPY (.+) \S+$", OCI, re.MULTILINE)
    return [name for line in lines for name in line.split()]


def test_a_container_is_of_this_version():
    """Its name, and what it has beside the project."""
    profile = (ROOT / "workflow/profiles/kubernetes/profile.yaml").read_text(encoding="utf-8")
    for text in (OCI, profile):
        assert set(re.findall(r"palimpsest:([0-9.]+[0-9])", text)) == {__version__}
    assert re.search(r"snakemake-storage-plugin-\S+", OCI)[0] in EXTRAS["kubernetes"]
