"""Processes that have imported what takes long, and fork for each command of a test: importing
Snakemake takes longer than building the graph of a tiny study, importing torch longer than training
it. As a script, this is such a process, as the run's own warm one is (palimpsest.engine.warm).

All else is as in a command by hand: its folder, its environment, the code of the clone, which only
the fork reads.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

IMPORTED = {
    "snakemake": ("snakemake.cli",),
    "palimpsest": (
        "accelerate",
        "jsonschema",
        "pandas",
        "pyarrow.parquet",
        "scipy.stats",
        "torch",
        "transformers.models.gpt2.modeling_gpt2",
    ),
}


def forked(
    module: str, arguments: list[str], folder: Path, environment: dict[str, str]
) -> tuple[int, str]:
    """Exit status of `python -m MODULE ...`, and what it said."""
    with tempfile.NamedTemporaryFile("r") as said:
        asked = (arguments, str(folder), environment, said.name)
        process = _started(module)
        print(json.dumps(asked), file=process.stdin, flush=True)
        return int(process.stdout.readline()), said.read()


@cache
def _started(module: str) -> subprocess.Popen:
    """It ends with this process, which holds its standard input."""
    process = subprocess.Popen(
        [sys.executable, __file__, module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    atexit.register(process.communicate)
    return process


def _serve(module: str) -> None:
    for name in IMPORTED[module]:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        if not (child := os.fork()):
            return _become(module, *json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(
    module: str, arguments: list[str], folder: str, environment: dict[str, str], said: str
) -> None:
    for number, path in ((0, os.devnull), (1, said)):
        os.dup2(os.open(path, os.O_RDWR), number)
    os.dup2(1, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    given = environment.get("PYTHONPATH")
    sys.path[:1] = [folder, *(given.split(os.pathsep) if given else [])]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
