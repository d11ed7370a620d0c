"""The results that were there before a run: a job that fails leaves them as it found them.

Snakemake removes the outputs of a job before it runs, and keeps a record of how they were made of a
job that failed too. So each output is held by a second name while the run lasts, and put back, with
its date and its record, where its job did not finish: the next run fails in the same way, or has
nothing to do once the input is mended.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path


class Earlier:
    """Files held in ``folder``, on the same file system; ``record(path)`` is the file with
    Snakemake's record of an output, if any."""

    def __init__(self, folder: Path, record: Callable[[str], str | None]):
        self.folder, self.record = folder, record
        self.held: dict[str, tuple[int, Path, bytes | None]] = {}

    def hold(self, job: int, outputs: Iterable[str]) -> None:
        """Hold the outputs of a job that are there; where the file system has no hard links they
        are not held."""
        for path in filter(os.path.isfile, map(str, outputs)):
            self.folder.mkdir(parents=True, exist_ok=True)
            held, record = self.folder / str(len(self.held)), self.record(path)
            try:
                os.link(path, held)
            except OSError:
                return
            self.held[path] = (
                job,
                held,
                Path(record).read_bytes() if record and os.path.isfile(record) else None,
            )

    def put_back(self, finished: set[int]) -> list[str]:
        """Put back the outputs of all jobs but the finished ones; the paths of those that were gone
        or other files by now."""
        changed = []
        for path, (job, held, record) in self.held.items():
            if job not in finished:
                if not (os.path.exists(path) and os.path.samefile(path, held)):
                    changed.append(path)
                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
                os.replace(held, path)
                place = self.record(path)
                if place and record is None:
                    Path(place).unlink(missing_ok=True)
                elif place:
                    Path(place).write_bytes(record)
        self.drop()
        return changed

    def drop(self) -> None:
        """Hold nothing any more, nor what a run that was killed held."""
        self.held.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
