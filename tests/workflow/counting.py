"""Whether all that the steps of a clone run counts in their digests."""

from __future__ import annotations

import ast
import dis
import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType

from harness import Clone
from palimpsest.engine import provenance
from palimpsest.engine.asking import modules_named, settings_of

# What starts steps and ends them with their run makes no result.
AROUND = {
    "__main__",
    *(f"palimpsest.engine.{name}" for name in ("asking", "cli", "environment", "running", "warm")),
}
Definition = tuple[str, str]  # module and name


def trace(clone: Clone) -> None:
    """From now on all jobs note what they run."""
    shutil.copy(Path(__file__).with_name("tracing.py"), clone.path("workflow/sitecustomize.py"))


def traced(clone: Clone) -> dict[tuple[str, ...], set[Definition]]:
    """Step, and modules that its settings name -> what ran and was read of the package, other than
    what is around."""
    found: dict[tuple[str, ...], set[Definition]] = {}
    for path in clone.path("traces").iterdir():
        noted = json.loads(path.read_text())
        step, *rest = noted["command"]
        used = {one for module, *where in noted["ran"] for one in used_by(module, *where)}
        used |= {(module, name) for module, name in noted["taken"] if is_defined(module, name)}
        if used := {one for one in used if one[0] not in AROUND}:  # else it asked for the step
            modules = f"palimpsest.steps.{step}", *modules_named(settings_of(rest))
            found.setdefault(modules, set()).update(used)
    return found


def uncounted(clone: Clone) -> dict[tuple[str, ...], list[Definition]]:
    """What ran and is not counted, by step."""
    missing = {
        modules: sorted(used - set(provenance.reached(*modules)))
        for modules, used in traced(clone).items()
    }
    return {modules: names for modules, names in missing.items() if names}


@cache
def used_by(module: str, function: str, line: int) -> frozenset[Definition]:
    """The definition that a function which ran belongs to, and those of its module that its code
    reads."""
    if module in AROUND:
        return frozenset()
    statements, codes = parsed(module)
    around = {
        (module, name)
        for statement in statements
        if _first_line(statement) <= line <= statement.end_lineno
        for name in provenance._defined(statement)
    }
    read = {
        (module, one.argval)
        for one in dis.get_instructions(codes[function, line])
        if one.opname == "LOAD_GLOBAL" and is_defined(module, one.argval)
    }
    return frozenset(around | read)


@cache
def parsed(module: str) -> tuple[list[ast.stmt], dict[tuple[str, int], CodeType]]:
    """The statements of a module, and the code of its functions by their names and lines."""
    text = provenance._file_of(module).read_text(encoding="utf-8")
    codes = _codes(compile(text, module, "exec"))
    return ast.parse(text).body, {(one.co_qualname, one.co_firstlineno): one for one in codes}


def is_defined(module: str, name: str) -> bool:
    return name in provenance._facts(module)["definitions"]


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min(one.lineno for one in (statement, *decorators))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)
