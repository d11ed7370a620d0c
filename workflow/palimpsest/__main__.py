"""``python -m palimpsest STEP ...``: what the rules call, and what can be called by hand."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import logging
import os
import signal
import sys

from palimpsest import running
from palimpsest.errors import UserError, problem_of_system

# In the order in which a record meets them.
STEPS = (
    "fetch",
    "records",
    "index",
    "request",
    "fingerprint",
    "slice",
    "probe",
    "tokenizer",
    "pretrain",
    "train",
    "unlearn",
    "score",
    "decide",
    "epsilon",
    "measure",
    "remember",
    "membership",
    "cost",
    "tabulate",
    "draw",
    "certificate",
    "page",
    "readme",
    "audit",
    "purge",
)


def main(argv: list[str] | None = None) -> int:
    """Run one step; a problem of the user's is told without a traceback and ends with 1."""
    parser = argparse.ArgumentParser(prog="python -m palimpsest", description=__doc__)
    parser.add_argument("step", choices=STEPS, help="what to do")
    argv = sys.argv[1:] if argv is None else argv
    name = parser.parse_args(argv[:1]).step
    step = importlib.import_module(f"palimpsest.steps.{name}")
    step_parser = argparse.ArgumentParser(prog=f"python -m palimpsest {name}", description=step.__doc__)
    step_parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON", help="settings of the step")
    step.add_arguments(step_parser)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if running.VARIABLE in os.environ:
        running.follow(os.environ[running.VARIABLE])
    try:
        step.run(step_parser.parse_args(argv[1:]))
    except (UserError, OSError, MemoryError) as error:
        told = error if isinstance(error, UserError) else UserError(problem_of_system(error))
        print(f"palimpsest {name}: {told}", file=sys.stderr)
        return 1
    return 0


def run() -> None:
    """The command `palimpsest`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what is half-written is removed on the way out
    # A short job is mostly imports, a million objects that stay: by default Python looks through them again and again, and once more as
    # it ends, which is a third of the time of such a job.
    gc.set_threshold(500_000)
    status = main()
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    run()
