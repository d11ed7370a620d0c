"""Results of looking into contents while the graph is built, kept from one run to the next: no
content is looked into twice."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from palimpsest.files import write_json

MOST = 10_000  # answers that are kept


class Memory:
    """A file of answers, each under a digest of all that it depends on.

    It is only a cache: without it, or where it cannot be read or written, everything is computed
    anew.
    """

    def __init__(self):
        self.path: Path | None = None
        self.before: dict[str, object] = {}
        self.now: dict[str, object] = {}

    def open(self, path: Path) -> None:
        self.path = path
        with suppress(OSError, ValueError, TypeError, RecursionError):
            self.before = dict(json.loads(path.read_text(encoding="utf-8")))

    def recall(
        self, question: str, contents: tuple[str, ...], find: Callable[[], object]
    ) -> object:
        """The answer to a question about ``contents``, a value of JSON."""
        key = hashlib.sha256(json.dumps([question, sys.version, *contents]).encode()).hexdigest()
        if key not in self.now:
            self.now[key] = self.before[key] if key in self.before else find()
        return self.now[key]

    def save(self) -> None:
        if self.path and self.now.keys() - self.before.keys():
            kept = self.before | self.now
            with suppress(OSError):
                write_json(self.path, kept if len(kept) <= MOST else self.now)


MEMORY = Memory()
