"""A run on a cluster that is killed leaves its jobs in the queue: how the next run ends them, and
how they end by themselves.

Each run notes in its file (running.py) by what its jobs are found. The next one asks the scheduler
to end them and waits until they have. Where that cannot be asked, they see that the file of their
run is gone: those that wait in the queue end before they touch anything, those that run soon after.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from palimpsest.engine import running
from palimpsest.errors import Problem, UserError
from palimpsest.files import write_json

# tells jobs of a cluster the file of the run that asked for them
VARIABLE = "PALIMPSEST_SUBMITTED_BY"
MARKERS = Path(".snakemake/incomplete")  # where Snakemake notes what jobs have begun, by output
POLL_SECONDS = 1.0
# in which a scheduler ends a job; Slurm kills what has not ended half a minute after it was asked
SECONDS = 150.0
ENDED = "The run that submitted this job has ended, and another one is in its place"


def noted(executor: str, settings, name: str | None) -> dict[str, str]:
    """By what the jobs of a run are found: the name that Slurm has them under; or the commands of a
    profile for clusters of any kind, whose ids Snakemake notes. Empty on one machine. ``settings``
    are those of the executor."""
    if executor == "slurm" and name:
        return {"slurm": name}
    if executor == "cluster-generic":
        commands = {kind: getattr(settings, f"{kind}_cmd", None) for kind in ("cancel", "status")}
        return {kind: command for kind, command in commands.items() if command} | {"generic": "1"}
    return {}


def end_left(run: str, queue: dict[str, str], markers: Path = MARKERS) -> list[str]:
    """End the jobs that a killed run left in its queue, and wait until they have ended; -> what to
    tell of it. A UserError where they do not end: they would write what this run writes."""
    if "slurm" in queue:
        return _end_slurm(run, queue["slurm"])
    if "generic" in queue:
        return _end_generic(run, queue, markers)
    return []


def _end_slurm(run: str, name: str) -> list[str]:
    def left() -> list[str]:
        return _said("squeue", "--noheader", "--format=%A", "--name", name).split()

    try:
        before = left()
        if not before:
            return []
        _said("scancel", "--name", name)
        still = _ended(left)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().split("\n")[-1]
        return [
            f"Whether {run} left jobs in the queue of Slurm cannot be found out here: {said}. "
            f"Where Slurm is, `scancel --name {name}` ends them."
        ]
    if still:
        raise UserError(
            Problem(
                "jobs that a killed run left do not end, and would write what this run writes",
                f"the queue of Slurm, name {name}",
                found=", ".join(still),
                remedy="wait until `squeue` shows them no more, then run again",
            )
        )
    return [f"Ended what {run} left in the queue of Slurm: {', '.join(before)}."]


def _end_generic(run: str, queue: dict[str, str], markers: Path) -> list[str]:
    """By the commands of the profile. The ids are forgotten: Snakemake would take a job that still
    runs for its own, though it was asked for by another study or other code."""
    ids = submitted(markers)
    forget_submitted(markers)
    if not ids:
        return []
    if "cancel" not in queue:
        return [
            f"{run} may have left jobs in the queue, and its profile names no command that ends "
            f"jobs: {', '.join(ids)}. Those that wait end when it is their turn, those that run "
            "within seconds, or a minute on a network file system."
        ]
    with suppress(OSError, subprocess.SubprocessError):  # some have ended long ago
        _said(*shlex.split(queue["cancel"]), *ids)
    if "status" in queue:
        asked = shlex.split(queue["status"])

        def left() -> list[str]:
            return [one for one in ids if _is_running(asked, one)]

        still = _ended(left)
        if still:
            return [f"Jobs that {run} left do not end: {', '.join(still)}."]
    return [f"Ended what {run} left in the queue: {', '.join(ids)}."]


def _is_running(command: list[str], job: str) -> bool:
    try:
        return _said(*command, job).strip() == "running"
    except (OSError, subprocess.SubprocessError):
        return False  # unknown by now


def submitted(markers: Path = MARKERS) -> list[str]:
    """The ids that jobs have on the cluster whose outputs are not whole."""
    found = {_marked(path) for path in markers.rglob("*") if path.is_file()}
    return sorted(one for one in found if one)


def forget_submitted(markers: Path = MARKERS) -> None:
    """Outputs stay marked, ids go."""
    for path in markers.rglob("*"):
        if path.is_file() and _marked(path):
            write_json(path, {"external_jobid": None})


def _marked(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("external_jobid") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def _ended(left: Callable[[], list[str]]) -> list[str]:
    """What is left once nothing is, or after ``SECONDS``."""
    until = time.monotonic() + SECONDS
    while (still := left()) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return still


# --- in a job -------------------------------------------------------------------------------------


def submitted_by() -> str:
    """The file of the run that asked for this job of a cluster; empty where none is told. The
    variable of that run is taken away: it may run on another host."""
    path = os.environ.pop(running.VARIABLE, "")
    if path:
        os.environ[VARIABLE] = path
    return os.environ.get(VARIABLE, "")


def gone(path: str) -> bool:
    """Whether the file of a run was removed, asked twice: a network file system may stumble."""
    if _missing(path):
        time.sleep(POLL_SECONDS)
        return _missing(path)
    return False


def _missing(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def follow(path: str) -> None:
    """End this process and all that it started soon after ``path`` is gone, and clean up nothing:
    what lies there belongs to another run by then."""

    def watch() -> None:
        while not gone(path):
            time.sleep(POLL_SECONDS)
        import psutil  # not needed while the graph is built

        os.write(2, f"{ENDED}.\n".encode())
        for one in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                one.kill()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
