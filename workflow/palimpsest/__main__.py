"""``python -m palimpsest STEP ...``: what the rules call, and what can be called by hand."""

from __future__ import annotations

import os
import sys

from palimpsest.engine.asking import ask, interrupted
from palimpsest.engine.environment import OF_PYTHON, escape_output, settle


def run() -> None:
    """The command `palimpsest`."""
    if OF_PYTHON.intersection(settle(os.environ)):  # this Python has read them: start another
        os.execv(sys.executable, [sys.executable, "-m", __package__, *sys.argv[1:]])
    escape_output()
    try:
        status = ask(sys.argv[1:])
        if status is None:
            from palimpsest.engine.cli import program

            status = program(sys.argv[1:])
    except KeyboardInterrupt:
        status = interrupted(sys.argv[1:])
    sys.exit(status)


if __name__ == "__main__":
    run()
