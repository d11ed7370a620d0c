"""A source file is identified by its content. Sizes and dates only save reading it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from palimpsest.files import file_digest, read_json


def identities(paths: Iterable[Path]) -> dict[str, list]:
    """path -> [bytes, mtime in ns, sha256], to be kept beside what was made from the files."""
    return {
        str(path): [path.stat().st_size, path.stat().st_mtime_ns, file_digest(path)]
        for path in map(Path, paths)
    }


def settings_digest(settings: dict) -> str:
    """SHA-256 of settings: of what a table was made besides its sources."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def recorded(report: Path) -> dict[str, list]:
    """The identities that a step kept in its report; {} where there is no report yet, or none in
    it."""
    return read_json(report).get("sources", {}) if Path(report).is_file() else {}


def digests(paths: Iterable[Path], earlier: dict[str, list]) -> dict[str, str]:
    """path -> sha256; a file whose size and date are still those in ``earlier``, as ``identities``
    gave them, is not read again."""
    digest_of = {}
    for path in map(Path, paths):
        size, date, digest = earlier.get(str(path), (None, None, None))
        status = path.stat()
        digest_of[str(path)] = (
            digest if (size, date) == (status.st_size, status.st_mtime_ns) else file_digest(path)
        )
    return digest_of
