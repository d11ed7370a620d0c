"""Code is an input, definition by definition: a digest of all that a step's code reaches.

Found statically, by content. A definition is a function, a class or a constant at the top of a
module of this package. It reaches what it names: through imports, re-exports and attributes of
modules. Of every module that is imported on the way, all that acts on import counts as well:
statements that are no definitions, and definitions whose value comes of a call, or that stand below
a decorator, which may register them. Of a step, and of a module that settings name, its entries
count. What cannot be followed counts whole, such as a module that is passed as a value, or is
refused. Formatting, comments, docstrings, annotations of functions and dates never count.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

from palimpsest.engine.memory import MEMORY

PACKAGE = Path(__file__).resolve().parents[1]
# Decorators that register nothing: the definition is reached by its name alone.
TRANSPARENT = {
    "abstractmethod", "cache", "cached_property", "classmethod", "contextmanager", "dataclass",
    "inference_mode", "lru_cache", "no_grad", "property", "runtime_checkable", "staticmethod",
    "wraps",
}  # fmt: skip
# What is taken of a module that is named, not imported: of a step by the command line, of others by
# steps, as the contract of their kind says (methods/contract.py, attacks/contract.py and so on). A
# module of no such kind counts whole.
ENTRIES = {
    r"steps\.\w+": ("run", "add_arguments"),
    r"methods\.\w+": ("METHOD", "decide"),
    r"attacks\.\w+": ("ATTACK",),
    r"data\.readers\.\w+": ("read", "candidates"),
    r"data\.\w+": ("lexicon",),
    r"judges\.\w+": ("load",),
    r"plots\.\w+": ("select", "draw", "told"),
    r"tracks\.\w+\.model": ("make", "load", "encode", "predict", "subset", "GENERATES"),
    r"tracks\.\w+\.score(?:_\w+)?": ("texts", "KEPT", "score"),
    r"tracks\.\w+\.memory": ("memory", "extractable", "MEMORIZATION_METRICS"),
    r"tracks\.\w+\.summary": ("SCOPE", "ATTACKED", "findings", "sections"),
    r"tracks\.\w+\.pretraining": ("make", "marks", "objective"),
    r"tracks\.\w+\.kept": ("kept",),
    r"tracks\.\w+\.\w+": ("measure",),
}
# Names that stand for any name of a module.
ANY = {"globals", "eval", "exec"}
# Names by which code depends on what no definition holds.
REFUSED = {"__doc__", "__file__", "__subclasses__"}
# Modules that may use them all the same, or put the name of a module together: no result of a step
# comes of it.
EXCUSED = {
    f"{PACKAGE.name}.{name}"
    for name in (
        "audit.arguments",  # where the default study is
        "audit.filed",  # the schema that a certificate is held against
        "engine.cli",  # help on a step; the name of a step
        "engine.provenance",
        "engine.release",  # which code wrote a certificate
        "study.schema",  # by which studies are refused
        "study.wants.want",  # the step that a rule runs, whose digest the rule has
        *("data.readers", "methods.registry", "tracks"),  # names for settings
    )
}
READING = {"get", "items", "keys", "values"}  # methods of a constant that change nothing
LOOSE = ""  # stands for the statements of a module that are no definitions
WHOLE = "*"  # stands for all of a module
BROKEN = "!"  # marks what cannot be followed among the names that a definition uses

# What a module holds, as JSON. `definitions`: name -> [digest, names that it uses, those that are
# called when it is made]; `imports`: name -> [[module, attribute or ""], ...]; `plain`: class that
# only holds what it is given -> its bases.
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
    seen: set[tuple[str, str]] = set()
    entered: set[str] = set()
    # a word of a study may look like a module
    waiting = [root for module in modules if _file_of(module) for root in _roots(module)]
    while waiting:
        module, name = waiting.pop()
        if module not in entered:  # it is imported, and so are those that it imports
            entered.add(module)
            waiting += [(one, LOOSE) for one in (module, *_parents(module), *_imported(module))]
            waiting += [(module, one) for one in _acting(module)]
        if (module, name) in seen:
            continue
        seen.add((module, name))
        facts = _facts(module)
        if name == WHOLE:  # also what it only passes on
            waiting += [(module, one) for one in facts["definitions"]]
            waiting += [one for imported in facts["imports"] for one in _resolved(module, imported)]
        elif name in facts["definitions"]:
            waiting += [
                one for used in facts["definitions"][name][1] for one in _resolved(module, used)
            ]
    return sorted(one for one in seen if one[1] in _facts(one[0])["definitions"])


def _roots(module: str) -> list[tuple[str, str]]:
    """What may be taken of a module that is named: its entries. One that it lacks is nobody's."""
    kind = module.removeprefix(f"{PACKAGE.name}.")
    names = next((names for one, names in ENTRIES.items() if re.fullmatch(one, kind)), None)
    if names is None:
        return [(module, WHOLE)]
    return [(module, LOOSE), *(one for name in names for one in _resolved(module, name))]


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
    if head.startswith(BROKEN) and module not in EXCUSED:
        raise ValueError(f"{_file_of(module)}, line {used.removeprefix(BROKEN)}")
    own = [(module, head)] if head in facts["definitions"] else []
    if head in ANY:
        own += [(module, WHOLE)]
    if head == PACKAGE.name:  # of `import palimpsest.m`, or the name of a module as text
        return own + _followed(head, *rest)
    # a function may import what has the name of a definition
    return own + [
        one
        for place, attribute in facts["imports"].get(head, ())
        for one in _followed(place, attribute, *rest)
    ]


def _followed(place: str, *attributes: str) -> list[tuple[str, str]]:
    """(module, definition) that attributes of a module lead to; the first ones may be modules
    themselves."""
    rest, found = list(filter(None, attributes)), []
    while rest and _file_of(f"{place}.{rest[0]}"):
        if _gives(place, rest[0]):
            found += [(place, WHOLE)]
        place = f"{place}.{rest.pop(0)}"
    return found + (_exported(place, rest[0]) if rest else [(place, WHOLE)])


def _gives(package: str, name: str) -> bool:
    """Whether a package has an attribute with the name of a module in it, and that is another
    thing."""
    facts = _facts(package)
    others = [one for one in facts["imports"].get(name, ()) if one != [package, name]]
    return name in facts["definitions"] or bool(others)


def _exported(module: str, name: str) -> list[tuple[str, str]]:
    """What ``module.name`` is: its own definition, or one that it imports itself; all of the module
    where it is neither."""
    return _resolved(module, name) or [(module, WHOLE)]


def _imported(module: str) -> Iterator[str]:
    for place, attribute in (
        one for places in _facts(module)["imports"].values() for one in places
    ):
        for name in (place, f"{place}.{attribute}") if attribute else (place,):
            if _file_of(name):
                yield name


def _acting(module: str) -> Iterator[str]:
    """Definitions that may act when they are made, as what they call is no plain class."""
    for name, (_, _, called) in _facts(module)["definitions"].items():
        if not all(_plain(module, one) for one in called):
            yield name


def _plain(module: str, called: str) -> bool:
    """Whether a call does nothing else than give a value: that of a class which only holds what it
    is given."""
    _, _, last = called.rpartition(".")
    return last in READING or all(
        last in (name, called)
        and name in _facts(place)["plain"]
        and all(_plain(place, base) for base in _facts(place)["plain"][name])
        for place, name in _resolved(module, called)
    )


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


@cache
def _file_of(module: str) -> Path | None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


# --- one module -----------------------------------------------------------------------------------


@cache
def _facts(module: str) -> Facts:
    path = _file_of(module)
    text = path.read_text(encoding="utf-8")
    try:
        return MEMORY.recall("definitions", (text, *_source_of_this()), lambda: facts_of(text))
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None


@cache
def _source_of_this() -> tuple[str]:
    """The text of this module: a change to it may change the answers."""
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
    own = parts.keys() | imports.keys()
    return {
        "imports": imports,
        "definitions": {name: _described(statements, own) for name, statements in parts.items()},
        "plain": {one.name: _bases(one) for one in tree.body if _only_holds(one)},
    }


def _only_holds(statement: ast.stmt) -> bool:
    """Whether it is a dataclass or a named tuple, without code for making one."""
    makes = {"__init__", "__new__", "__post_init__"}
    return (
        isinstance(statement, ast.ClassDef)
        and [*map(_last_name, statement.decorator_list)] in (["dataclass"], [])
        and (statement.decorator_list or "NamedTuple" in _bases(statement))
        and not any(getattr(one, "name", "") in makes for one in statement.body)
    )


def _bases(statement: ast.ClassDef) -> list[str]:
    return [ast.unparse(base) for base in statement.bases]


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines, or LOOSE."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        transparent = all(
            _last_name(decorator) in TRANSPARENT for decorator in statement.decorator_list
        )
        by_python = statement.name.startswith("__")  # as it does __getattr__ of a module
        return [statement.name] if transparent and not by_python else [statement.name, LOOSE]
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


def _described(statements: list[ast.stmt], own: Set[str]) -> list:
    """[digest of what the statements do, names that they use, those of the module's ``own`` that
    they call on import]."""
    digest, used, called = hashlib.sha256(), set(), set()
    for statement in statements:
        for node in ast.walk(statement):
            _strip(node)
        digest.update(ast.dump(statement, annotate_fields=False).encode())
        used.update(_used(statement))
        called.update(one for one in _called(statement) if one.split(".")[0] in own)
    return [digest.hexdigest(), sorted(used), sorted(called)]


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
    """Names, each with the attributes that are taken from it: 'style.width', and 'style' where the
    module itself is meant; modules that a text names. What cannot be followed is marked."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node, chain = waiting.pop(), []
        line = getattr(node, "lineno", 0)
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        names = [node.id, *chain] if isinstance(node, ast.Name) else chain
        for name in REFUSED & set(names):
            yield f"{BROKEN}{line}: {name} is not followed; give what it holds by a definition"
        if isinstance(node, ast.Name):
            yield ".".join(names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(rf"{PACKAGE.name}(\.\w+)+", node.value):
                yield node.value
            elif re.fullmatch(rf"{PACKAGE.name}(\.\w+)*\.", node.value):
                yield (
                    f"{BROKEN}{line}: a module whose name is put together is not followed; "
                    "name it in the settings of the step"
                )
        else:
            waiting += ast.iter_child_nodes(node)


def _called(statement: ast.stmt) -> Iterator[str]:
    """Names that are called as soon as the statement runs: not those in functions."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        calls = [node.func] if isinstance(node, ast.Call) else []
        calls += getattr(node, "decorator_list", [])
        for one in calls:
            if isinstance(one, (ast.Name, ast.Attribute)):
                yield ast.unparse(one)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            decorators = getattr(node, "decorator_list", [])
            waiting += [*decorators, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        else:
            waiting += ast.iter_child_nodes(node)


def _imports(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """(name, [module, attribute]) of what a parsed file imports from this package, also inside
    functions; not what is imported for annotations alone, which are never evaluated. `import
    palimpsest.m` gives the name '' to what it runs."""
    for node in _walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "__init_subclass__":
            raise ValueError(
                f"line {node.lineno}: what __init_subclass__ does on import is not followed; "
                "list the classes by name"
            )
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE.name:
                    yield alias.asname or "", [alias.name, ""]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(
                    f"line {node.lineno}: relative imports are not followed; import from "
                    f"{PACKAGE.name} by its full name"
                )
            if node.module.split(".")[0] == PACKAGE.name:
                for alias in node.names:
                    if alias.name == "*":
                        raise ValueError(
                            f"line {node.lineno}: what {node.module} gives by `import *` is not "
                            "followed; import names"
                        )
                    yield alias.asname or alias.name, [node.module, alias.name]


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) in (
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        ):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
