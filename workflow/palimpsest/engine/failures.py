"""What jobs that failed say, found from what Snakemake says of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MOST_LINES = 20
LOG = re.compile(r"^\s+log: (\S+) \(check log file", flags=re.MULTILINE)
PROBLEM = re.compile(r"palimpsest \w+: \d+ problems? found")


def endings(logs: Iterable[str]) -> dict[tuple[str, ...], str]:
    """Logs of failed jobs -> how they end, from Snakemake's own logs; what several jobs say is said
    once. A log ends with the problems that a step told, or else with its last lines."""
    text = "\n".join(_read(path) for path in logs)
    said: dict[str, list[str]] = {}
    for path in dict.fromkeys(LOG.findall(text)):
        if Path(path).is_file():
            lines = _read(path).strip().split("\n")
            told = [number for number, line in enumerate(lines) if PROBLEM.match(line)]
            said.setdefault("\n".join(lines[told[-1] if told else -MOST_LINES :]), []).append(path)
    return {tuple(paths): ending for ending, paths in said.items()}


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")
