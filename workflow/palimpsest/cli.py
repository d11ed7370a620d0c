"""The steps, as the command line names them."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import logging
import os
import resource
import signal
import sys
import time

from palimpsest.engine import running
from palimpsest.errors import UserError, problem_of_system

# In the order in which a record meets them.
STEPS = (
    "fetch",
    "records",
    "index",
    "request",
    "fingerprint",
    "slice",
    "subset",
    "tokenizer",
    "pretrain",
    "train",
    "unlearn",
    "attack",
    "score",
    "decide",
    "epsilon",
    "measure",
    "cost",
    "tabulate",
    "draw",
    "certificate",
    "page",
    "readme",
    "audit",
    "purge",
)


def program(argv: list[str], started: str = "") -> int:
    """``main`` as a process of its own; ``started`` says how, for the log."""
    # what is half-written is removed on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A short job is mostly imports, a million objects that stay: by default Python looks through
    # them again and again, and once more as it ends, which is a third of the time of such a job.
    gc.set_threshold(500_000)
    status = main(argv, started)
    gc.freeze()
    return status


def main(argv: list[str], started: str = "") -> int:
    """Run one step; a problem of the user's is told without a traceback and ends with 1."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="python -m palimpsest",
        description="What the rules call, and what can be called by hand.",
    )
    parser.add_argument("step", choices=STEPS, help="what to do")
    name = parser.parse_args(argv[:1]).step
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    step = importlib.import_module(f"palimpsest.steps.{name}")
    step_parser = argparse.ArgumentParser(
        prog=f"python -m palimpsest {name}", description=step.__doc__
    )
    step_parser.add_argument(
        "--settings", type=json.loads, default={}, metavar="JSON", help="settings of the step"
    )
    step.add_arguments(step_parser)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    for library in ("httpx", "fontTools"):
        logging.getLogger(library).setLevel(logging.WARNING)
    if running.VARIABLE in os.environ:
        running.follow(os.environ[running.VARIABLE])
    parsed = step_parser.parse_args(argv[1:])
    try:
        step.run(parsed)
    except (UserError, OSError, MemoryError) as error:
        told = error if isinstance(error, UserError) else UserError(problem_of_system(error))
        print(f"palimpsest {name}: {told}", file=sys.stderr)
        return 1
    used = resource.getrusage(resource.RUSAGE_SELF)
    logging.info(
        "%s%s took %.2f s, %.2f s of them of the processor, and at most %.0f MB",
        name,
        started,
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
    )
    return 0
