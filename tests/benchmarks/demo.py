"""Where the time of the demo goes: wall time, how busy its cores are, and what each step spends, on imports and on training too.

Run by hand on a quiet machine: ``python tests/benchmarks/demo.py --cores 2``. The demo runs in a fresh copy, in a temporary folder.

How to read it: each job notes its own start, end, processor time and peak memory as Python starts and ends; the interpreter's own start and
end, some hundredths of a second, are not seen. Busy is the share of cores x wall time in which jobs ran; the rest is Snakemake's: the
graph before the first job, and choosing and starting jobs. ``imports`` sums the time of all modules that a job loads, the late ones
included; the loop of trainings is what `training.json` says that updates took. ``--plain`` leaves the import clock off, which itself takes
some hundredths of a second a job.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from graph import clone

KINDS = {
    "data": ("records", "index", "request", "slice", "probe", "fingerprint", "tokenizer", "fetch"),
    "training": ("train",),
    "scoring": ("score",),
    "decisions and numbers": ("decide", "epsilon", "measure", "membership", "cost", "tabulate", "certificate", "page"),
    "drawing": ("draw", "readme"),
}
NOTE = """
import sys

if "palimpsest" in sys.orig_argv[:4]:
    import atexit, json, os, resource, time

    start = time.time()

    def note():
        used = resource.getrusage(resource.RUSAGE_SELF)
        found = {"start": start, "end": time.time(), "step": sys.orig_argv[sys.orig_argv.index("palimpsest") + 1]}
        found |= {"cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024}
        found["log"] = os.readlink("/proc/self/fd/1")
        with open(os.path.join(os.environ["PALIMPSEST_NOTES"], f"{os.getpid()}-{start}.json"), "w") as file:
            json.dump(found, file)

    atexit.register(note)
"""


def run(folder: Path, cores: int, plain: bool) -> tuple[float, list[dict]]:
    """Wall seconds of the demo in ``folder``, and what its jobs noted."""
    (folder / "notes").mkdir()
    (folder / "notes" / "sitecustomize.py").write_text(NOTE, encoding="utf-8")
    clock = {} if plain else {"PYTHONPROFILEIMPORTTIME": "1"}
    environment = os.environ | {"PYTHONPATH": str(folder / "notes"), "PALIMPSEST_NOTES": str(folder / "notes")} | clock
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    began = time.time()
    with open(folder / "said.txt", "w") as said:
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", str(cores)], cwd=folder, env=environment, stdout=said, stderr=said
        )
    wall = time.time() - began
    if done.returncode:
        sys.exit((folder / "said.txt").read_text(encoding="utf-8")[-3000:])
    jobs = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "notes").glob("*.json")]
    for job in jobs:
        lines = re.findall(r"^import time: +(\d+) \|", Path(job["log"]).read_text(encoding="utf-8"), flags=re.MULTILINE)
        job["imports"] = sum(map(int, lines)) / 1e6
        job["begin"] = job["start"] - began
    return wall, jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--plain", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = clone(Path(scratch) / "demo")
        wall, jobs = run(folder, wanted.cores, wanted.plain)
        loops = [json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in folder.glob("results/demo/seed*/**/training.json")]
    steps = defaultdict(list)
    for job in jobs:
        steps[job["step"]].append(job)
    busy = sum(job["end"] - job["start"] for job in jobs)
    share = busy / wall / wanted.cores
    print(f"wall {wall:.1f} s, {len(jobs)} jobs, {wanted.cores} cores; busy {busy:.1f} s, {share:.0%} of cores x wall time")
    print(f"graph, until the first job {min(job['begin'] for job in jobs):.1f} s; loop of all trainings {sum(loops):.1f} s")
    print(f"largest job {max(job['mb'] for job in jobs):.0f} MB\n")
    print(f"{'':24}{'jobs':>5}{'s':>8}{'share':>7}{'cpu s':>8}{'imports':>9}{'MB':>6}")
    for kind, names in KINDS.items():
        _line(kind, [job for name in names for job in steps.get(name, [])], busy)
        for name in names:
            _line(f"  {name}", steps.pop(name, []), busy)
    assert not steps, f"steps of no kind: {', '.join(steps)}"


def _line(title: str, jobs: list[dict], busy: float) -> None:
    if jobs:
        seconds = sum(job["end"] - job["start"] for job in jobs)
        cpu, imports = (sum(job[key] for job in jobs) for key in ("cpu", "imports"))
        peak = max(job["mb"] for job in jobs)
        print(f"{title:24}{len(jobs):>5}{seconds:>8.1f}{seconds / busy:>7.0%}{cpu:>8.1f}{imports:>9.1f}{peak:>6.0f}")


if __name__ == "__main__":
    main()
