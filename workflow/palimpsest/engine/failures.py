"""What failed jobs say: their logs, found from Snakemake's own logs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MOST_LINES = 20
LOG = re.compile(r"^\s+log: (.+) \(check log file", flags=re.MULTILINE)
PROBLEM = re.compile(r"palimpsest \w+: \d+ problems? found")
# how the log of a step ends that did its work (cli.py)
DONE = re.compile(r" took \S+ s, \S+ s of them of the processor, and at most \d+ MB\s*$")
# Problems of this attempt alone, as errors.problem_of_system tells them: another one, with more
# memory or on another node, may do.
OF_SYSTEM = ("there is not enough memory", "the system refused")
# Slurm's log of a job repeats what Snakemake says in it; why Slurm ended the job is in these lines.
OF_SLURM = re.compile(r"^slurmstepd\S*: error: .*$", flags=re.MULTILINE)
SLURM_LOGS = "/slurm_logs/"
# What executors add to the reason why a job failed.
PHRASES = re.compile(
    r"\s*(Detailed failure reason unavailable.*?\)\.|Reason: Unknown\.|"
    r"For further error details see.*)",
    flags=re.DOTALL,
)


def endings(logs: Iterable[str]) -> dict[tuple[str, ...], str]:
    """Logs of failed jobs, which Snakemake's own logs name, -> how they end: the last problems that
    a step reported, or else the last lines. Jobs with the same ending share an entry. Jobs of a
    group count as failed when one of them has; those that did their work have nothing to say."""
    text = "\n".join(_read(path) for path in logs)
    said: dict[str, list[str]] = {}
    named = (path for some in LOG.findall(text) for path in some.split(", "))
    for path in dict.fromkeys(named):
        ending = _ending(path)
        if ending and not DONE.search(ending):
            said.setdefault(ending, []).append(path)
    return {tuple(paths): ending for ending, paths in said.items()}


def _ending(path: str) -> str:
    """Empty where the log is not there, or says nothing of the kind."""
    if not Path(path).is_file():
        return ""
    text = _read(path).strip()
    if SLURM_LOGS in path:
        return "\n".join(dict.fromkeys(OF_SLURM.findall(text)))
    lines = text.split("\n")
    heads = [number for number, line in enumerate(lines) if PROBLEM.match(line)]
    return "\n".join(lines[heads[-1] if heads else -MOST_LINES :])


def took_part(logs: Iterable[str]) -> bool:
    """Whether a job of a group that failed, by its logs, had begun and not done its work."""
    found = [_read(path) for path in logs if Path(path).is_file()]
    return any(not DONE.search(text) for text in found)


def of_the_user(logs: Iterable[str], since: float) -> bool:
    """Whether one of the logs of a job, written ``since`` then, ends with a problem that is the
    same at each attempt: one of the study, the ledger, the data."""
    for path in map(Path, logs):
        if path.is_file() and path.stat().st_mtime >= since:
            ending = _ending(str(path))
            if PROBLEM.match(ending) and not any(one in ending for one in OF_SYSTEM):
                return True
    return False


def reason(said: str | None) -> str:
    """Why a job failed, by its executor; without what tells nothing."""
    return PHRASES.sub("", said or "").strip()


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")
