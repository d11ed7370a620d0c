"""Who is at work in a folder: a file that each run holds locked for as long as it lives.

The kernel lets go of the lock when the process ends, however it ends. So the next run sees that an
earlier one was killed, and so do the jobs that it left behind, which would go on to write what a
later run writes as well.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from palimpsest.errors import Problem, UserError

VARIABLE = "PALIMPSEST_RUN"  # tells jobs the file of the run that started them
POLL_SECONDS = 1.0


def enter(folder: Path) -> tuple[list[str], list[str]]:
    """Take part in ``folder`` until this process ends; -> the other runs there, by '{process
    id}@{host}': (alive, killed).

    The files of those that were killed are removed. An OSError where the file system has no locks.
    A lock may not be seen from another host, so a run of another host counts as alive until
    somebody removes its file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname()
    alive, killed = [], []
    for path in sorted(folder.iterdir()):
        if path.name.partition("@")[2] != host or not _free(path):
            alive.append(path.name)
        else:
            killed.append(path.name)
            path.unlink(missing_ok=True)
    own = (folder / f"{os.getpid()}@{host}").absolute()
    # never closed, nor inherited by jobs
    fcntl.flock(os.open(own, os.O_RDWR | os.O_CREAT, 0o644), fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.environ[VARIABLE] = str(own)
    atexit.register(own.unlink, missing_ok=True)
    return alive, killed


def check_writable(folders: Iterable[str]) -> None:
    """A UserError that names the folders which take no files; those that are not there yet are made
    by Snakemake."""
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
    """Whether nobody holds the lock; it is let go of at once."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
