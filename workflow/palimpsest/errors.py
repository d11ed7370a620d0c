"""What a user is told when something is wrong: what, where, what is allowed, what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass

MOST_TOLD = 50


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config, a ledger or a table; never holds the text of a
    record."""

    what: str
    where: str
    found: str = ""
    allowed: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}"]
        for label, text in (
            ("found", self.found),
            ("allowed", self.allowed),
            ("remedy", self.remedy),
        ):
            if text:
                lines.append(f"    {label}: {text}")
        return "\n".join(lines)


class UserError(Exception):
    """All problems found in one place, raised together and shown without a traceback; ``done`` says
    what had happened by then."""

    def __init__(self, problems: Problem | Iterable[Problem], done: str = "nothing was changed"):
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        self.done = done
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        told = [f"- {problem}" for problem in self.problems[:MOST_TOLD]]
        more = (
            [f"- and {count - MOST_TOLD} more of which nothing is said here"]
            if count > MOST_TOLD
            else []
        )
        return "\n".join([f"{head} found; {self.done}.", *told, *more])


REMEDIES = {
    errno.ENOSPC: "make room on the disk, then run again",
    errno.EDQUOT: "make room within your quota, then run again",
    errno.EFBIG: (
        "raise the largest size of a file (ulimit -f), or use another file system, then run again"
    ),
    errno.EROFS: "the file system takes no writes: mount it for writing, or use another folder",
    errno.EACCES: "give this user the right to it (chmod, chown), or run as the user who has it",
    errno.EPERM: "give this user the right to it (chmod, chown), or run as the user who has it",
    errno.ENOMEM: "give the job more memory, or make it smaller (batch sizes, max_length)",
    errno.EIO: "the disk or network drive fails: look at the system's log, then run again",
    errno.EMFILE: "raise the number of open files (ulimit -n), then run again",
}


def problem_of_system(error: OSError | MemoryError) -> Problem:
    """What the system refused, in words: which file, what it said, what to do."""
    if isinstance(error, MemoryError):
        return Problem("there is not enough memory", "this machine", remedy=REMEDIES[errno.ENOMEM])
    said = error.strerror or str(error).strip().split("\n")[0][:200] or type(error).__name__
    where = str(error.filename) if error.filename is not None else "this machine"
    return Problem(
        "the system refused",
        where,
        said,
        remedy=REMEDIES.get(error.errno, "see what the system says, then run again"),
    )
