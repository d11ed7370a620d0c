"""Code is an input, definition by definition: a digest of what is reached from what a step calls.

Found statically, by content. A definition is a function, a class or a constant at the top of a
module of this package. What it names is reached from it: through imports, re-exports and attributes
of modules. Of every module that is imported on the way, statements that are no definitions count as
well, for they run. What cannot be followed counts whole: a module that is handed on as a value, one
that a step is told by name, a definition below a decorator that may register it. Formatting,
comments, docstrings, annotations of functions and dates never count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from palimpsest.engine.memory import MEMORY

PACKAGE = Path(__file__).resolve().parents[1]
# Decorators that leave a definition where it is: nobody finds it but by its name.
TRANSPARENT = {
    "abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "dataclass",
    "inference_mode", "lru_cache", "no_grad", "property", "runtime_checkable", "staticmethod",
    "wraps",
}  # fmt: skip
ENTRIES = ("run", "add_arguments")  # of a step
LOOSE = ""  # stands for the statements of a module that are no definitions
WHOLE = "*"  # stands for all of a module

# What a module holds, as JSON. `definitions`: name -> [digest, names that it uses]; `imports`: name
# -> [[module, attribute or ""], ...].
Facts = dict


def code_digest(*modules: str) -> str:
    """12 hex digits that change if what ``modules`` do may have changed."""
    digest = hashlib.sha256()
    for module, name in reached(*modules):
        digest.update(f"{module} {name} {_facts(module)['definitions'][name][0]}\n".encode())
    return digest.hexdigest()[:12]


def reached(*modules: str) -> list[tuple[str, str]]:
    """(module, definition) of all that counts for ``modules``, sorted; definition '' stands for
    statements that are none."""
    found: set[tuple[str, str]] = set()
    entered: set[str] = set()
    # a study's own words may look like a module
    waiting = [root for module in modules if _file_of(module) for root in _roots(module)]
    while waiting:
        module, name = waiting.pop()
        if module not in entered:  # it is imported, and so are those that it imports
            entered.add(module)
            waiting += [(one, LOOSE) for one in (module, *_parents(module), *_imported(module))]
        if name == WHOLE:  # also definitions that it only passes on
            passed = (
                one for imported in _facts(module)["imports"] for one in _resolved(module, imported)
            )
            waiting += [(module, one) for one in _facts(module)["definitions"]] + [
                one for one in passed if one[1] != WHOLE
            ]
        elif (module, name) not in found and name in _facts(module)["definitions"]:
            found.add((module, name))
            for used in _facts(module)["definitions"][name][1]:
                waiting += _resolved(module, used)
    return sorted(found)


def _roots(module: str) -> list[tuple[str, str]]:
    """What is called of a module: of a step its entries (cli.py), of any other who knows what."""
    is_step = module.startswith(f"{PACKAGE.name}.steps.")
    return [(module, name) for name in ENTRIES] if is_step else [(module, WHOLE)]


def closure(*modules: str) -> list[str]:
    """The modules of this package that are imported by ``modules``, directly or not, and
    themselves."""
    return sorted({module for module, _ in reached(*modules)} | set(modules))


# --- names -> definitions -------------------------------------------------------------------------


def _resolved(module: str, used: str) -> list[tuple[str, str]]:
    """(module, definition) that a name, or a dotted chain of attributes, leads to from inside
    ``module``."""
    head, *rest = used.split(".")
    facts = _facts(module)
    if head in facts["definitions"]:
        return [(module, head)]
    return [
        one
        for place, attribute in facts["imports"].get(head, ())
        for one in _followed(place, attribute, *rest)
    ]


def _followed(place: str, *attributes: str) -> list[tuple[str, str]]:
    """(module, definition) that attributes of a module lead to, the first of which may be modules
    themselves."""
    rest = list(filter(None, attributes))
    while rest and _file_of(f"{place}.{rest[0]}"):
        place = f"{place}.{rest.pop(0)}"
    return _exported(place, rest[0]) if rest else [(place, WHOLE)]


def _exported(module: str, name: str) -> list[tuple[str, str]]:
    """What ``module.name`` is: its own definition, or one that it imports itself; all of the module
    where it is neither."""
    return _resolved(module, name) or [(module, WHOLE)]


def _imported(module: str) -> Iterator[str]:
    for place, attribute in (
        one for places in _facts(module)["imports"].values() for one in places
    ):
        for name in (place, f"{place}.{attribute}"):
            if _file_of(name):
                yield name


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        if "." in module:
            yield module


def _file_of(module: str) -> Path | None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


# --- one module -----------------------------------------------------------------------------------


@cache
def _facts(module: str) -> Facts:
    text = _file_of(module).read_text(encoding="utf-8")
    return MEMORY.recall("definitions", (text, *_own()), lambda: facts_of(text))


@cache
def _own() -> tuple[str]:
    """How this module looks at others: another way gives other answers."""
    return (Path(__file__).read_text(encoding="utf-8"),)


def facts_of(text: str) -> Facts:
    """What the text of a module holds."""
    tree = ast.parse(text)
    parts: dict[str, list[ast.stmt]] = {LOOSE: []}
    for statement in tree.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)) and not _is_docstring(statement):
            for name in _defined(statement):
                parts.setdefault(name, []).append(statement)
    imports: dict[str, list] = {}
    for name, place in _imports(tree):
        imports.setdefault(name, []).append(place)  # functions may import other things by one name
    return {
        "imports": imports,
        "definitions": {name: _described(statements) for name, statements in parts.items()},
    }


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines, or LOOSE."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        transparent = all(
            _last_name(decorator) in TRANSPARENT for decorator in statement.decorator_list
        )
        return [statement.name] if transparent else [statement.name, LOOSE]
    targets = (
        statement.targets
        if isinstance(statement, ast.Assign)
        else [getattr(statement, "target", None)]
    )
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        names = [
            one
            for target in targets
            for one in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
        if all(isinstance(name, ast.Name) for name in names):
            return [name.id for name in names]
    return [LOOSE]


def _last_name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _described(statements: list[ast.stmt]) -> list:
    """[digest of what the statements do, names that they use]."""
    digest, used = hashlib.sha256(), set()
    for statement in statements:
        for node in ast.walk(statement):
            _strip(node)
        digest.update(ast.dump(statement, annotate_fields=False).encode())
        used.update(_used(statement))
    return [digest.hexdigest(), sorted(used)]


def _strip(node: ast.AST) -> None:
    """Take out what does nothing: docstrings, and annotations of functions, which are never
    evaluated (PEP 563)."""
    if (
        isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and _is_docstring(node.body[0])
    ):
        node.body = node.body[1:]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        node.returns = None
    if isinstance(node, ast.arg):
        node.annotation = None


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _used(statement: ast.stmt) -> Iterator[str]:
    """Names, each with the attributes that are asked of it: 'style.width', and 'style' where the
    module itself is meant."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node, chain = waiting.pop(), []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            yield ".".join([node.id, *chain])
        else:
            waiting += ast.iter_child_nodes(node)


def _imports(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """(name, [module, attribute]) of what a parsed file imports from this package, also inside
    functions; not what is imported for annotations alone, which are never evaluated."""
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE.name:
                    yield (
                        alias.asname or alias.name.split(".")[0],
                        [alias.name if alias.asname else PACKAGE.name, ""],
                    )
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(
                    "relative imports are not followed; import from palimpsest by its full name"
                )
            if node.module.split(".")[0] == PACKAGE.name:
                for alias in node.names:
                    if alias.name == "*":
                        raise ValueError(
                            f"what {node.module} gives by `import *` is not followed; import names"
                        )
                    yield alias.asname or alias.name, [node.module, alias.name]


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
