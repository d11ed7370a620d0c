"""Which runs are at work in a folder: each holds a lock on a file there for as long as it lives.

The kernel releases the lock when the process ends, however it ends. So the next run sees that an
earlier one was killed, and so do the jobs that it left behind, which would go on to write what a
later run writes as well.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from palimpsest.errors import Problem, UserError

FOLDER = Path(".snakemake/runs")
VARIABLE = "PALIMPSEST_RUN"  # tells jobs the file of the run that started them
POLL_SECONDS = 1.0
# A run says that it lives by the date of its file: what another host locks may not be seen here.
BEAT_SECONDS, GONE_SECONDS = 60.0, 3600.0


def enter(folder: Path) -> tuple[list[str], list[str]]:
    """Register this process in ``folder`` until it ends; -> the other runs there, by '{process
    id}@{host}': (alive, killed).

    The files of those that were killed are removed once no other run is alive: until then nobody
    can tell whose lock it is that Snakemake left; those that say where jobs were left on a cluster
    stay until `forget`. An OSError where the file system has no locks. A lock may not be seen from
    another host, so a run of another host counts as alive until its file is an hour old, or
    somebody says that it has ended (`disown`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    alive, killed = [], []
    for path in sorted(folder.iterdir()):
        if _lives(path):
            alive.append(path.name)
        elif path.exists():  # else it has just ended
            killed.append(path.name)
    if not alive:
        forget((one for one in killed if not queue_of(one, folder)), folder)
    lock = (folder / name()).absolute()
    # never closed, nor inherited by jobs
    fcntl.flock(os.open(lock, os.O_RDWR | os.O_CREAT, 0o644), fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.environ[VARIABLE] = str(lock)
    threading.Thread(target=_beat, args=(lock,), daemon=True).start()
    atexit.register(lock.unlink, missing_ok=True)
    return alive, killed


def note_queue(queue: dict[str, str]) -> None:
    """Write into the file of this run by what its jobs on a cluster are found."""
    with suppress(OSError):
        Path(os.environ[VARIABLE]).write_text(json.dumps(queue), encoding="utf-8")


def queue_of(run: str, folder: Path = FOLDER) -> dict[str, str]:
    """What a run noted so; empty where it ran on one machine."""
    try:
        return dict(json.loads((folder / run).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def forget(runs: Iterable[str], folder: Path = FOLDER) -> None:
    """Remove the files of runs that were killed."""
    for run in runs:
        (folder / run).unlink(missing_ok=True)


def disown(folder: Path = FOLDER) -> None:
    """Count runs of other hosts as killed, unless they touch their files again."""
    for run in of_other_hosts([path.name for path in folder.glob("*@*")]):
        with suppress(OSError):
            os.utime(folder / run, (0, 0))


def entered() -> bool:
    """Whether this process is registered already."""
    return own() == name()


def at_work(folder: Path = FOLDER) -> list[str]:
    """The runs that are alive there, without the one that started this process."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path.name for path in found if path.name != own() and _lives(path)]


def own() -> str:
    """The name of the run that started this process; empty where none did, and on a cluster."""
    return Path(os.environ.get(VARIABLE, "")).name


def name() -> str:
    """What this process is called among the runs of a folder."""
    return f"{os.getpid()}@{socket.gethostname()}"


def _beat(lock: Path) -> None:
    while True:
        time.sleep(BEAT_SECONDS)
        with suppress(OSError):
            os.utime(lock)


def check_writable(folders: Iterable[str]) -> None:
    """Raise a UserError that names the folders that cannot be written to; Snakemake makes those
    that do not exist yet."""
    closed = [
        one for one in folders if os.path.isdir(one) and not os.access(one, os.W_OK | os.X_OK)
    ]
    if closed:
        what = "the folder cannot be written to"
        remedy = "give this user the right to write there (chmod, chown), or run in another folder"
        raise UserError(Problem(what, one, remedy=remedy) for one in closed)


def follow(path: str) -> None:
    """End this process soon after the run that holds ``path`` has ended."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return

    def watch() -> None:
        while not _takes(file):
            time.sleep(POLL_SECONDS)
        os.write(2, b"The snakemake that started this job is gone; run it again.\n")
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def of_other_hosts(names: list[str]) -> list[str]:
    """Of runs by name: whether they live can only be told by their age."""
    return [one for one in names if one.partition("@")[2] != socket.gethostname()]


def _lives(path: Path) -> bool:
    elsewhere = bool(of_other_hosts([path.name]))
    try:
        # either way: the clock of the other host may be ahead
        recent = abs(time.time() - path.stat().st_mtime) < GONE_SECONDS
    except FileNotFoundError:
        return False
    return not _free(path) or (elsewhere and recent)


def _free(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return _takes(file)
    finally:
        os.close(file)


def _takes(file: int) -> bool:
    """Whether nobody holds the lock; it is taken to find out, and released at once."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
