"""Small files that nothing can make anew: each carries a digest of what it says, so that a damaged
one is not taken for another."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json, write_json


def write_sealed(path: Path, value: dict) -> None:
    write_json(path, value | {"digest": _digest(value)})


def read_sealed(path: Path, remedy: str) -> dict:
    """What ``write_sealed`` wrote; a UserError with ``remedy`` where the file is broken or says
    anything else."""
    try:
        value = read_json(path)
    except UserError as error:
        raise UserError(
            Problem(problem.what, problem.where, problem.found, remedy=remedy)
            for problem in error.problems
        ) from None
    digest = value.pop("digest", None) if isinstance(value, dict) else None
    if digest is None or digest != _digest(value):
        raise UserError(
            Problem("the file is damaged", str(path), "not what its digest says", remedy=remedy)
        )
    return value


def _digest(value: dict) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
