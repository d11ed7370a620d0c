"""Strict reading of YAML: errors name their line, and no key may occur twice, which YAML accepts
silently."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from palimpsest.errors import Problem, UserError

MEND = (
    "mend the line: indent by spaces, not tabs; text that holds ': ', ' #' or begins with one of [ "
    "{ * & ! % @ needs quotes"
)


def read_yaml(path: Path) -> dict:
    """The mapping that a YAML file holds; a UserError names the lines where it is broken."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        remedy = "look whether it is there and may be read"
        raise UserError(
            Problem("cannot be read", str(path), error.strerror or "", remedy=remedy)
        ) from None
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(
            Problem("not UTF-8", f"{path}, line {line}", found, "utf-8", "save the file as UTF-8")
        ) from None
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        reason = (
            getattr(error, "problem", None)
            or getattr(error, "reason", None)
            or type(error).__name__
        )
        raise UserError(Problem("is not valid YAML", place, reason, remedy=MEND)) from None
    except (ValueError, RecursionError) as error:
        # a 13th month, integers of thousands of digits; a thousand brackets
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise UserError(
            Problem(
                "is not valid YAML",
                str(path),
                reason[:120],
                remedy="mend the value, or put it in quotes",
            )
        ) from None
    if not isinstance(loaded, dict):
        found = "a list" if isinstance(loaded, list) else "a single value"
        if loaded is None:
            found = "an empty file"
        remedy = "write `key: value` lines; config/README.md shows a study"
        raise UserError(
            Problem(
                "is not a mapping of keys to values",
                str(path),
                found,
                "a mapping at the top",
                remedy,
            )
        )
    return loaded


def check_keys(paths: Iterable[Path]) -> None:
    """A UserError with a problem for each key that occurs twice in its mapping; files that are no
    YAML are skipped.

    Snakemake, which reads the files of ``--configfile``, and YAML itself silently keep the last
    one.
    """
    what = "a key stands twice, and only the last one would count"
    remedy = "remove or rename one of them"
    problems = [
        Problem(
            what,
            f"{os.path.relpath(path)}, line {second}",
            f"{name!r}, first in line {first}",
            "each key once",
            remedy,
        )
        for path in paths
        for name, first, second in _repeated(path)
    ]
    if problems:
        raise UserError(problems)


def _repeated(path: Path) -> list[tuple[str, int, int]]:
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        return list(_twice(root, set())) if root else []
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return []


def _twice(node: yaml.Node, seen: set[int], above: str = "") -> Iterator[tuple[str, int, int]]:
    """(dotted key, line where it stands first, line where it stands again) below a node; lines from
    1."""
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))  # an alias leads back to a node, perhaps to one that holds it
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _twice(child, seen, above)
        return
    first: dict[tuple[str, str], int] = {}
    for key, child in node.value:
        name = above
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            name, line = f"{above}{key.value}", key.start_mark.line + 1
            if (key.tag, key.value) in first:
                yield name, first[key.tag, key.value], line
            first.setdefault((key.tag, key.value), line)
        yield from _twice(child, seen, f"{name}.")
