"""Keep the results of earlier runs: a job that fails leaves them as they were.

Snakemake removes the outputs of a job before it runs, and writes its record of how they were made
even if the job fails. So each output is held by a second hard link during the run and put back,
with its date and its record, where its job did not finish: the next run fails in the same way, or
has nothing to do once the input is corrected.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".snakemake/earlier")  # where each run has a folder of its name


@dataclass(frozen=True)
class Held:
    """A second link to an output. identity: inode, bytes and date of the file when it was held;
    nothing is put back that is another by then."""

    job: int
    link: Path
    identity: tuple[int, int, int]
    record: bytes | None


class Earlier:
    """Files held in ``folder``, which belongs to one run, on the same file system;
    ``record(path)`` is the file with Snakemake's record of an output, if any."""

    def __init__(self, folder: Path, record: Callable[[str], str | None]):
        self.folder, self.record = folder, record
        self.held: dict[str, Held] = {}

    def hold(self, job: int, outputs: Iterable[str]) -> None:
        """Hold the outputs of a job that exist; not where the file system has no hard links."""
        for path in filter(os.path.isfile, map(str, outputs)):
            if not self.held:  # what an earlier process of the same id left
                shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)
            link, place = self.folder / str(len(self.held)), self.record(path)
            try:
                os.link(path, link)
            except OSError:
                return
            record = Path(place).read_bytes() if place and os.path.isfile(place) else None
            self.held[path] = Held(job, link, _identity(link), record)

    def put_back(self, finished: set[int]) -> tuple[list[str], list[str]]:
        """Put back the outputs of all jobs but the finished ones -> the paths of those that were
        removed or replaced meanwhile; and of those that cannot be put back, since what was held is
        no longer what it was."""
        changed, lost = [], []
        for path, held in self.held.items():
            if held.job in finished:
                continue
            if not held.link.is_file() or _identity(held.link) != held.identity:
                lost.append(path)
                continue
            if not (os.path.exists(path) and os.path.samefile(path, held.link)):
                changed.append(path)
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            os.replace(held.link, path)
            place = self.record(path)
            if place and held.record is None:
                Path(place).unlink(missing_ok=True)
            elif place:
                Path(place).write_bytes(held.record)
        self.drop()
        return changed, lost

    def drop(self) -> None:
        """Release all files."""
        self.held.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def clear(folder: Path, alive: Iterable[str]) -> None:
    """Remove what runs that have ended left below ``folder``, where each run has a folder of its
    name."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in alive:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def _identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
