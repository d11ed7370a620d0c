"""What a study puts upon a cluster: its submissions, with the groups of the Slurm profile and
without; and with ``--run`` how long a small study waits and takes on a Slurm of one node.

Run by hand: ``python tests/benchmarks/submissions.py [--mirror FOLDER] [STUDY ...]``; with
``--run`` on a quiet machine that has Slurm's packages (tests/workflow/slurm.py).

How to read it: a row is a study. *jobs* are all of its jobs, *here* those that run where Snakemake
runs. *single* and *grouped* are submissions, without the groups and with them; *levels* is how many
submissions wait for one another at most, each of which may stand in the queue. *longest* is the
time in minutes that the submission asks for that asks for most. A group of submissions that waited
for itself would be told, and end the program.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from datetime import datetime
from functools import cache
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PROFILE = REPOSITORY / "workflow" / "profiles" / "slurm"
sys.path.insert(0, str(REPOSITORY / "tests" / "workflow"))


def without_groups(folder: Path) -> Path:
    """The profile with every job submitted alone."""
    profile = yaml.safe_load((PROFILE / "profile.yaml").read_text(encoding="utf-8"))
    del profile["group-components"]
    return write(folder / "single", profile)


def write(folder: Path, profile: dict) -> Path:
    folder.mkdir()
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    return folder


def graph(folder: Path, profile: Path, *arguments: str) -> list[dict]:
    """The jobs of a dry run in an empty folder."""
    file = folder / "graph.json"
    command = [sys.executable, str(REPOSITORY / "tests/workflow/wiring.py"), str(file)]
    command += ["--quiet", "all", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--workflow-profile", str(profile), *arguments]
    subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    return json.loads(file.read_text(encoding="utf-8"))


def levels(jobs: list[dict]) -> int:
    """How many submissions wait for one another at most."""
    needed = defaultdict(set)
    node = {number: job["submission"] for number, job in enumerate(jobs)}
    node |= {number: ("here", number) for number, one in node.items() if one is None}
    for number, job in enumerate(jobs):
        needed[node[number]] |= {node[other] for other in job["needs"]} - {node[number]}
    waiting = set()

    @cache
    def depth(one) -> int:
        if one in waiting:
            sys.exit(f"submission {one} waits for itself")
        waiting.add(one)
        below = max(map(depth, needed[one]), default=0)
        waiting.remove(one)
        return below + isinstance(one, int)

    return max(map(depth, list(needed)))


def count(study: str, mirror: str | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "config").symlink_to(REPOSITORY / "config")
        config = ["--config", f"study={study}", *([f"mirror={mirror}"] if mirror else [])]
        numbers = []
        for profile in (without_groups(folder), PROFILE):
            jobs = graph(folder, profile, *config)
            sent = {job["submission"] for job in jobs} - {None}
            longest = max(job["of_submission"].get("runtime", 0) for job in jobs)
            numbers.append((len(sent), levels(jobs), longest))
        here = sum(job["submission"] is None for job in jobs)
        (single, before, long), (grouped, after, longest) = numbers
        print(
            f"{study:20}{len(jobs):>7,}{here:>7}{single:>8,}{grouped:>9}"
            f"{before:>8} -> {after}{long:>9} -> {longest}"
        )
        sizes = Counter(
            job["group"] or job["rule"] for job in jobs if job["submission"] is not None
        )
        print(f"{'':20}{', '.join(f'{number} {name}' for name, number in sizes.most_common(9))}")


def run() -> None:
    """A small study on a Slurm of one node: submissions, seconds in the queue, seconds in all."""
    from harness import Clone
    from slurm import Slurm

    quick = {
        "slurm-status-command": "squeue",
        "slurm-init-seconds-before-status-checks": 2,
        "seconds-between-status-checks": 2,
        "latency-wait": 5,
    }
    print(f"{'':10}{'submissions':>12}{'s queued':>10}{'s run':>8}{'s in all':>10}")
    for title in ("single", "grouped"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            clone = Clone.make(folder / "clone", sharding=["2x1"], ledger=None, requests="latest")
            profile = yaml.safe_load((PROFILE / "profile.yaml").read_text(encoding="utf-8")) | quick
            if title == "single":
                del profile["group-components"]
            with Slurm(folder / "slurm") as slurm:
                os.environ |= slurm.variables
                began, ended, seen = time.monotonic(), threading.Event(), {}
                watch = threading.Thread(target=look, args=(slurm, ended, seen))
                watch.start()
                status = clone.snakemake(
                    "--workflow-profile", str(write(folder / "profile", profile)), cores=None
                )
                seconds = time.monotonic() - began
                ended.set()
                watch.join()
            if status:
                sys.exit(clone.output)
            sent = seen.values()
            queued = sum(between(one, "SubmitTime", "StartTime") for one in sent)
            ran = sum(between(one, "StartTime", "EndTime") for one in sent)
            print(
                f"{title:10}{len(sent):>12}{queued:>10.0f}{ran:>8.0f}{seconds:>10.0f}", flush=True
            )


def look(slurm, ended: threading.Event, seen: dict) -> None:
    """Note all jobs: Slurm forgets each some minutes after its end."""
    last = False
    while not last:
        last = ended.wait(30)
        seen |= {job["JobId"]: job for job in slurm.jobs()}


def between(job: dict[str, str], *moments: str) -> float:
    first, last = (datetime.fromisoformat(job[name]) for name in moments)
    return (last - first).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="*", default=["demo,people", "hatexplain", "tofu-small"])
    parser.add_argument("--mirror", help="folder with the sources")
    parser.add_argument("--run", action="store_true")
    given = parser.parse_args()
    if given.run:
        run()
        return
    print(f"{'':20}{'jobs':>7}{'here':>7}{'single':>8}{'grouped':>9}{'levels':>11}{'longest':>14}")
    for study in given.studies:
        count(study, given.mirror)


if __name__ == "__main__":
    main()
