"""What the demo costs, and a deletion from it: processor and wall seconds in all, and what each
step spends.

Run by hand: ``python tests/benchmarks/demo.py --rounds 5``. Each round is a fresh copy in a
temporary folder: the demo, then one more request, of one owner. ``--cold`` runs it without the warm
process, ``--latest`` as a study in production (`requests: latest`).

How to read it: processor seconds of Snakemake and all that it started, which hold on a machine that
has other work to do, too; wall seconds do not. The table is the last round's, by what each step
says of itself in its log: a step that was started warm has what it needs imported. What is left of
the total is Snakemake's, the warm process's imports, and some 0.04 s a job to start Python and ask.
`training` is the time of all updates, as run.json tells it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import yaml
from graph import clone

OWNER = "u011"
SAID = re.compile(
    r"INFO (\w+)(, started warm with \d+ MB,)? took ([\d.]+) s, ([\d.]+) s of them of the "
    r"processor, and at most (\d+) MB"
)


def used() -> float:
    """Processor seconds of all processes that ended and were waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def run(folder: Path, cores: int, cold: bool, study: str | None) -> dict[str, float]:
    """Snakemake in ``folder``; what it took."""
    environment = os.environ | ({"PALIMPSEST_WARM": "0"} if cold else {})
    environment["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), environment.get("PATH", "")]
    )
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        str(cores),
        *(["--configfile", study] if study else []),
    ]
    began, before, since = time.monotonic(), used(), time.time()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    runs = [
        path for path in folder.glob("results/*/seed*/**/run.json") if path.stat().st_mtime >= since
    ]
    training = sum(json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in runs)
    return {
        "cpu": used() - before,
        "wall": time.monotonic() - began,
        "training": training,
        "since": since,
    }


def steps(folder: Path, since: float) -> dict[str, list[tuple[float, float, int]]]:
    """Step -> (seconds, processor seconds, MB) of each job since then."""
    found = defaultdict(list)
    for path in folder.glob("results/*/logs/**/*.log"):
        if path.stat().st_mtime >= since:
            for name, _, seconds, cpu, memory in SAID.findall(path.read_text(encoding="utf-8")):
                found[name].append((float(seconds), float(cpu), int(memory)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--latest", action="store_true")
    wanted = parser.parse_args()
    rounds = defaultdict(list)
    for _ in range(wanted.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            folder, study = clone(Path(scratch) / "demo"), None
            if wanted.latest:
                config = yaml.safe_load(
                    (folder / "config/studies/demo.yaml").read_text(encoding="utf-8")
                )
                study = "latest.yaml"
                (folder / study).write_text(
                    yaml.safe_dump({**config, "requests": "latest"}), encoding="utf-8"
                )
            rounds["whole"].append(run(folder, wanted.cores, wanted.cold, study))
            tables = {"whole": steps(folder, 0)}
            with open(folder / "config/ledgers/demo.tsv", "a", encoding="utf-8") as ledger:
                ledger.write(f"r3\t{OWNER}\n")
            rounds["deletion"].append(run(folder, wanted.cores, wanted.cold, study))
            tables["deletion"] = steps(folder, rounds["deletion"][-1]["since"])
    for name, found in rounds.items():
        print(f"\n{name}, {wanted.rounds} rounds, {wanted.cores} cores: median [least, most]")
        for what in ("cpu", "training", "wall"):
            values = [one[what] for one in found]
            print(f"  {what:9} {median(values):8.1f} s  [{min(values):.1f}, {max(values):.1f}]")
        print(f"  {'':12}{'jobs':>5}{'s':>8}{'cpu s':>8}{'a job':>8}{'MB':>6}")
        for step, jobs in sorted(
            tables[name].items(), key=lambda item: -sum(cpu for _, cpu, _ in item[1])
        ):
            seconds, cpu = (sum(job[column] for job in jobs) for column in (0, 1))
            print(
                f"  {step:12}{len(jobs):>5}{seconds:>8.1f}{cpu:>8.1f}{cpu / len(jobs):>8.2f}"
                f"{max(memory for *_, memory in jobs):>6}"
            )


if __name__ == "__main__":
    main()
