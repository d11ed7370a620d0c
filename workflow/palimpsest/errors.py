"""What a user is told when something is wrong: what, where, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config, a ledger or a table; never holds the text of a record."""

    what: str
    where: str
    found: str = ""
    allowed: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}"]
        for label, text in (("found", self.found), ("allowed", self.allowed), ("remedy", self.remedy)):
            if text:
                lines.append(f"    {label}: {text}")
        return "\n".join(lines)


class UserError(Exception):
    """All problems found in one place, raised together and shown without a traceback."""

    def __init__(self, problems: Problem | Iterable[Problem]):
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        return f"{head} found; nothing was changed.\n" + "\n".join(f"- {problem}" for problem in self.problems)
