"""Errors shown to users: what is wrong, where, what is allowed, what to do."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from dataclasses import dataclass

MAX_SHOWN = 50  # problems in one message
TYPE_NAMES = {
    str: "text",
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    type(None): "nothing",
    dict: "a mapping",
    list: "a list",
}


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
    what had been done by then."""

    def __init__(self, problems: Problem | Iterable[Problem], done: str = "nothing was changed"):
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        self.done = done
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        lines = [f"- {problem}" for problem in self.problems[:MAX_SHOWN]]
        if count > MAX_SHOWN:
            lines.append(f"- and {count - MAX_SHOWN} more, not shown here")
        return "\n".join([f"{head} found; {self.done}.", *lines])


def quoted(value: object, most: int = 80) -> str:
    """A config value for a message; letters of other scripts also by their codes, since some look
    like Latin ones."""
    try:
        text = repr(value)
        text = text if text.isascii() else f"{text} ({value!a})"
    except (ValueError, RecursionError):
        # integers of thousands of digits, mappings that contain themselves
        return f"{TYPE_NAMES.get(type(value), type(value).__name__)} too long to show"
    return text if len(text) <= most else f"{text[:most]}..."


def nearest(name: object, allowed: Iterable, *, cutoff: float = 0.6) -> str:
    """``did you mean 'x'?`` for the closest of the ``allowed`` names, or an empty string where none
    is close."""
    folded = {str(one).casefold(): str(one) for one in allowed}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=cutoff)
    if not close:
        return ""
    meant = folded[close[0]]
    # letters of two scripts, or of two forms, may look the same
    codes = "" if meant.isascii() else f", written {meant!a}"
    return f"did you mean {meant!r}{codes}?"


def choose(name: object, allowed: Iterable) -> str:
    """The remedy for a name that is none of the ``allowed``."""
    return nearest(name, allowed) or "choose one of the allowed"


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
    """An error of the operating system as a Problem: which file, what it says, what to do."""
    if isinstance(error, MemoryError):
        return Problem("there is not enough memory", "this machine", remedy=REMEDIES[errno.ENOMEM])
    reason = error.strerror or str(error).strip().split("\n")[0][:200] or type(error).__name__
    where = str(error.filename) if error.filename is not None else "this machine"
    return Problem(
        "the system refused",
        where,
        reason,
        remedy=REMEDIES.get(error.errno, "see what the system says, then run again"),
    )
