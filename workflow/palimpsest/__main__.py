"""``python -m palimpsest STEP ...``: what the rules call, and what can be called by hand."""

from __future__ import annotations

import sys

from palimpsest.engine.asking import ask


def run() -> None:
    """The command `palimpsest`."""
    status = ask(sys.argv[1:])
    if status is None:
        from palimpsest.cli import program

        status = program(sys.argv[1:])
    sys.exit(status)


if __name__ == "__main__":
    run()
