"""The command line: one subcommand for each step."""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import json
import logging
import os
import resource
import signal
import sys
import textwrap
import time
from pathlib import Path

from palimpsest.engine import running
from palimpsest.errors import UserError, problem_of_system

# In the order of the pipeline.
STEPS = (
    "fetch",
    "records",
    "index",
    "describe",
    "request",
    "fingerprint",
    "slice",
    "subset",
    "aside",
    "tokenizer",
    "pretrain",
    "judge",
    "train",
    "unlearn",
    "unlearn_tuned",
    "choose",
    "attack",
    "reword",
    "score",
    "decide",
    "epsilon",
    "measure",
    "cost",
    "tabulate",
    "draw",
    "certify",
    "page",
    "sign",
    "keep",
    "readme",
    "audit",
    "purge",
    "verify",
    "certificate",
    "owners",
)


def program(argv: list[str], started: str = "") -> int:
    """Run ``main`` as a whole process; ``started`` says how it was started, for the log."""
    # end by an exception, so that half-written files are removed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A short job mostly imports: a million objects that stay. By default the garbage collector
    # visits them again and again, and once more at exit: a third of such a job's time.
    gc.set_threshold(500_000)
    status = main(argv, started)
    gc.freeze()
    return status


def main(argv: list[str], started: str = "") -> int:
    """Run one step; its exit status. A user's error is shown without a traceback, status 1."""
    began = time.monotonic()
    name = _parser().parse_args(argv[:1]).step
    step = importlib.import_module(f"palimpsest.steps.{name}")
    step_parser = argparse.ArgumentParser(prog=f"palimpsest {name}", description=step.__doc__)
    step_parser.add_argument(
        "--settings",
        type=json.loads,
        default={},
        metavar="JSON",
        help="what a rule hands on; by hand it is left out",
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
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads along has seen enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (UserError, OSError, MemoryError) as error:
        message = error if isinstance(error, UserError) else UserError(problem_of_system(error))
        print(f"palimpsest {name}: {message}", file=sys.stderr)
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


class _Parser(argparse.ArgumentParser):
    """Its help says what each step does; only who asks for it pays for reading the steps."""

    def format_help(self) -> str:
        said = ("  " + line for name in STEPS for line in _said_of(name))
        return "\n".join([super().format_help(), "steps:", *said, ""])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="palimpsest",
        usage="%(prog)s STEP [...]",
        description="What the rules call, and what can be called by hand: audit, purge, "
        "verify, certificate, owners, readme. `palimpsest STEP --help` lists what a step takes.",
    )
    parser.add_argument("step", choices=STEPS, metavar="STEP", help="one of those below")
    return parser


def _said_of(name: str) -> list[str]:
    """The docstring of a step, which is not imported: some take seconds."""
    source = Path(__file__).parents[1] / "steps" / f"{name}.py"
    said = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    return textwrap.wrap(
        " ".join(said.split()), 96, initial_indent=f"{name:<14}", subsequent_indent=" " * 14
    )
