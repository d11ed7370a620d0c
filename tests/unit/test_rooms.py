"""The folders of the package: who imports whom, and who is kept free of what is heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import palimpsest

PACKAGE = Path(palimpsest.__file__).parent
# Used by all rooms, so in none of them; or the command.
AT_THE_ROOT = {"__init__.py", "__main__.py", "errors.py", "files.py", "randomness.py"}
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
ROOMS += sorted(path.stem for path in PACKAGE.glob("*.py") if path.name != "__init__.py")


def imported(source: str) -> set[str]:
    """Modules of the package that a source imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("palimpsest.")}


def rooms_that(room: str) -> set[str]:
    """The other rooms that a room, or a module at the root, imports."""
    names = set()
    for path in [*(PACKAGE / room).rglob("*.py"), *PACKAGE.glob(f"{room}.py")]:
        names |= imported(path.read_text(encoding="utf-8"))
    return {name.split(".")[1] for name in names} & set(ROOMS) - {room}


def test_no_room_reaches_back():
    """Rooms can be put in an order in which each imports earlier ones alone."""
    left, ordered = {room: rooms_that(room) for room in ROOMS}, []
    while left:
        free = [room for room, others in left.items() if others <= set(ordered)]
        assert free, f"these import each other in a circle: {left}"
        ordered += free
        left = {room: others for room, others in left.items() if room not in free}
    # what rules call; nothing calls it
    assert not any({"steps", "__main__"} & rooms_that(room) for room in ROOMS)


def test_what_has_a_room_is_in_it():
    assert {path.name for path in PACKAGE.glob("*.py")} == AT_THE_ROOT


def modules(folder: str) -> list[str]:
    paths = sorted((PACKAGE / folder).rglob("*.py"))
    return [".".join(("palimpsest", *p.relative_to(PACKAGE).with_suffix("").parts)) for p in paths]


@pytest.mark.parametrize(
    ("folder", "heavy"),
    [
        ("metrics", ("torch", "snakemake")),
        ("fairness", ("torch", "snakemake")),
        ("plots", ("torch", "snakemake")),
        ("report", ("torch", "snakemake")),
        # what the Snakefile imports, so that `snakemake -n` answers at once
        ("study", ("torch", "snakemake", "pandas", "numpy", "matplotlib", "jsonschema")),
    ],
)
def test_a_room_is_free_of_what_is_heavy(folder, heavy):
    script = (
        f"import sys, importlib\nfor name in {modules(folder)}: importlib.import_module(name)\n"
    )
    script += f"print(*sorted(set({heavy}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
