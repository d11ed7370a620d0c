"""What a source file is: its content. Dates only save reading it again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from palimpsest.files import file_digest, read_json


def identities(paths: Iterable[Path]) -> dict[str, list]:
    """path -> [bytes, mtime in ns, sha256], to be kept beside what was made from the files."""
    return {
        str(path): [path.stat().st_size, path.stat().st_mtime_ns, file_digest(path)]
        for path in map(Path, paths)
    }


def recorded(report: Path) -> dict[str, list]:
    """The identities that a step kept in its report; none where there is no report yet, or it kept
    none."""
    return read_json(report).get("sources", {}) if Path(report).is_file() else {}


def digests(paths: Iterable[Path], known: dict[str, list]) -> dict[str, str]:
    """path -> sha256; a file whose size and date are still as ``known`` is not read again."""
    found = {}
    for path in map(Path, paths):
        size, date, digest = known.get(str(path), (None, None, None))
        status = path.stat()
        found[str(path)] = (
            digest if (size, date) == (status.st_size, status.st_mtime_ns) else file_digest(path)
        )
    return found
