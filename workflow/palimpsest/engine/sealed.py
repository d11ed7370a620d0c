"""Small files that others rely on: each carries a digest of its content, so that one that was
damaged or edited is recognised. Who writes the digest anew as well is recognised where there is a
mark beside it, made with a secret; else that takes a signature (signatures.py)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json, write_json

BESIDE = ("digest", "mark")  # keys that are not part of what is sealed
Mark = Callable[[object], str]


def write_sealed(path: Path, value: dict, mark: Mark | None = None) -> None:
    value = json.loads(json.dumps(value))  # as it will be read: keys that are numbers become text
    marked = {"mark": mark(value)} if mark else {}
    write_json(path, value | {"digest": seal_of(value)} | marked)


def read_sealed(path: Path, remedy: str, mark: Mark | None = None) -> dict:
    """What ``write_sealed`` wrote, with the same ``mark``; a UserError with ``remedy`` where the
    file is missing, broken or changed."""
    try:
        value = read_json(path)
    except UserError as error:
        raise UserError(
            Problem(problem.what, problem.where, problem.found, remedy=remedy)
            for problem in error.problems
        ) from None
    if not _is_sealed(value):
        raise UserError(
            Problem("the file is damaged", str(path), "not what its digest says", remedy=remedy)
        )
    content = _content(value)
    if mark and value.get("mark") != mark(content):
        what = "the file was not written by this workflow with the present secret"
        found = "another mark" if "mark" in value else "no mark"
        raise UserError(Problem(what, str(path), found, remedy=remedy))
    return content


def is_whole(path: Path) -> bool:
    """Whether a file of JSON is as ``write_sealed`` left it."""
    return _is_sealed(read_json(path))


def _is_sealed(value: object) -> bool:
    if not isinstance(value, dict) or "digest" not in value:
        return False
    return value["digest"] == seal_of(_content(value))


def _content(value: dict) -> dict:
    return {key: one for key, one in value.items() if key not in BESIDE}


def seal_of(value: object) -> str:
    """SHA-256 of a value of JSON; that of what ``read_sealed`` returned is the file's seal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
