"""What failed jobs say: their logs, found from Snakemake's own logs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MOST_LINES = 20
LOG = re.compile(r"^\s+log: (\S+) \(check log file", flags=re.MULTILINE)
PROBLEM = re.compile(r"palimpsest \w+: \d+ problems? found")


def endings(logs: Iterable[str]) -> dict[tuple[str, ...], str]:
    """Logs of failed jobs, which Snakemake's own logs name, -> how they end: the last problems that
    a step reported, or else the last lines. Jobs with the same ending share an entry."""
    text = "\n".join(_read(path) for path in logs)
    said: dict[str, list[str]] = {}
    for path in dict.fromkeys(LOG.findall(text)):
        if Path(path).is_file():
            lines = _read(path).strip().split("\n")
            heads = [number for number, line in enumerate(lines) if PROBLEM.match(line)]
            ending = "\n".join(lines[heads[-1] if heads else -MOST_LINES :])
            said.setdefault(ending, []).append(path)
    return {tuple(paths): ending for ending, paths in said.items()}


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")
