"""Code is an input: a digest of what the modules that a step imports do, directly or not.

Found statically, by content: formatting, comments and docstrings do not count, dates never do.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from palimpsest.engine.memory import MEMORY

PACKAGE = Path(__file__).resolve().parent


def _file_of(module: str) -> Path | None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imports(tree: ast.AST) -> set[str]:
    """Modules of this package that a parsed file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError("relative imports are not followed; import from palimpsest by its full name")
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] == PACKAGE.name}


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                node.body = node.body[1:]
    return tree


@cache
def _read(module: str) -> tuple[list[str], str]:
    """(imported modules, digest of what it does) of a module."""
    text = _file_of(module).read_text(encoding="utf-8")
    imports, digest = MEMORY.recall("imports and does", (text,), lambda: _parsed(text))
    return [name for name in imports if _file_of(name)], digest


def _parsed(text: str) -> list:
    tree = ast.parse(text)
    imports = sorted(_imports(tree))
    does = ast.dump(_without_docstrings(tree), annotate_fields=False)
    return [imports, hashlib.sha256(does.encode()).hexdigest()]


def closure(*modules: str) -> list[str]:
    """``modules`` and all modules of this package that they import, sorted; packages count with their `__init__`."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting.extend(_read(module)[0])
        parent = module.rpartition(".")[0]
        if "." in parent:
            waiting.append(parent)
    return sorted(found)


def code_digest(*modules: str) -> str:
    """12 hex digits that change exactly if what ``modules`` do may have changed."""
    digest = hashlib.sha256()
    for module in closure(*modules):
        digest.update(f"{module}\n{_read(module)[1]}\n".encode())
    return digest.hexdigest()[:12]
