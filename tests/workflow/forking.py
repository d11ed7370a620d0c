"""A process that has imported Snakemake and forks for each dry run: importing it takes longer than
building the graph of a tiny study. As a script, this is that process.

All else is as in a run by hand: Snakemake's `main`, in the folder and the environment of the run.
The workflow and its package are first read by the fork.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path


def dry_run(arguments: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Exit status of `snakemake`, and what it said."""
    with tempfile.NamedTemporaryFile("r") as said:
        asked = (arguments, str(folder), environment, said.name)
        process = _started()
        print(json.dumps(asked), file=process.stdin, flush=True)
        return int(process.stdout.readline()), said.read()


@cache
def _started() -> subprocess.Popen:
    """It ends with this process, which holds its standard input."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)
    return process


def _serve() -> None:
    from snakemake.cli import main

    for line in sys.stdin:
        if not (child := os.fork()):
            _run(main, *json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(main, arguments: list[str], folder: str, environment: dict[str, str], said: str) -> None:
    status = 1
    try:
        for number, path in ((0, os.devnull), (1, said)):
            os.dup2(os.open(path, os.O_RDWR), number)
        os.dup2(1, 2)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[0], sys.argv = folder, ["snakemake", *arguments]
        main()
    except SystemExit as stop:
        status = stop.code
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
