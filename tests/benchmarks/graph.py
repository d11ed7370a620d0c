"""Seconds and memory in which the graph of jobs is built: the demo, studies of about 10,000 jobs,
and bare Snakemake with as many.

Run by hand on a quiet machine: ``python tests/benchmarks/graph.py``. Everything is made in a
temporary folder, removed afterwards.

How to read it: wall seconds of ``snakemake --dry-run``, the median of ``--rounds`` and their range,
processor seconds, which neighbours on a shared machine disturb less, and the peak memory of the
process. *many seeds* is the demo's study with more seeds; *long ledger* has few seeds, more shards
and forty requests, which is where states of slices and checkpoints are looked up most. *bare* is
a Snakefile without any Python of its own: data, train, evaluate, figure. What a job costs, in
processor time, is compared in the last column, since no two graphs are equally large.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
BARE = """
METHODS = [f"method{number}" for number in range(10)]


rule all:
    input:
        expand("figures/{method}.txt", method=METHODS),


rule data:
    output:
        "data.txt",
    shell:
        "touch {output}"


rule train:
    input:
        "data.txt",
    output:
        "train/{method}/{seed}.txt",
    shell:
        "touch {output}"


rule evaluate:
    input:
        "train/{method}/{seed}.txt",
    output:
        "evaluate/{method}/{seed}.txt",
    shell:
        "touch {output}"


rule figure:
    input:
        expand("evaluate/{{method}}/{seed}.txt", seed=range(500)),
    output:
        "figures/{method}.txt",
    shell:
        "touch {output}"
"""


def clone(folder: Path) -> Path:
    """A copy of the workflow without results."""
    folder.mkdir()
    shutil.copy(REPOSITORY / "Snakefile", folder)
    for name in ("workflow", "config", "envs"):
        shutil.copytree(
            REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


def write_study(folder: Path, seeds: int, sharding: list[str], requests: int) -> Path:
    """The demo's study on a table of 2,000 invented owners; each request names one of them."""
    study = yaml.safe_load((folder / "config/studies/demo.yaml").read_text(encoding="utf-8"))
    columns = {"owner": "who", "text": "post", "label": "rude", "split": "part"}
    study |= {
        "study": "large",
        "seeds": list(range(1, seeds + 1)),
        "sharding": sharding,
        "ledger": "ledger.tsv",
    }
    study["data"] = {
        "reader": "table",
        "sources": [{"path": "posts.csv"}],
        "columns": columns,
        "keep": ["identity"],
    }
    (folder / "large.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    parts = ("train",) * 8 + ("valid", "test")
    rows = [
        f"owner{number},a post,{number % 2},{parts[number % 10]},{'ab'[number % 3 == 0]}"
        for number in range(2000)
    ]
    (folder / "posts.csv").write_text(
        "\n".join(["who,post,rude,part,identity", *rows, ""]), encoding="utf-8"
    )
    lines = [
        "request\towners",
        *(f"r{number}\towner{10 * number}" for number in range(1, requests + 1)),
        "",
    ]
    (folder / "ledger.tsv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "large.yaml"


def measure(title: str, folder: Path, *arguments: str, rounds: int) -> None:
    """Print jobs, median seconds with their range, median processor seconds, peak memory in MB and
    milliseconds a job."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--cores",
        "1",
        "--quiet",
        "rules",
        *arguments,
    ]
    seconds, cpu, peak = [], [], 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - began)
        cpu.append(used.ru_utime + used.ru_stime)
        peak = max(peak, used.ru_maxrss / 1024)
        if status:
            sys.exit(said)
    jobs = int(re.search(r"^total +(\d+)", said, flags=re.MULTILINE).group(1))
    found = f"{min(seconds):.2f} - {max(seconds):.2f}"
    each = 1000 * median(cpu) / jobs
    print(
        f"{title:18}{jobs:>7,}{median(seconds):>8.2f}{found:>16}{median(cpu):>8.2f}"
        f"{peak:>7.0f}{each:>8.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{'':18}{'jobs':>7}{'s':>8}{'range':>16}{'cpu s':>8}{'MB':>7}{'ms/job':>8}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = clone(Path(scratch) / "workflow")
        measure("demo", folder, rounds=rounds)
        bare = Path(scratch) / "bare"
        bare.mkdir()
        (bare / "Snakefile").write_text(BARE, encoding="utf-8")
        measure("bare Snakemake", bare, rounds=rounds)
        study = write_study(folder, seeds=72, sharding=["1x1", "3x2", "5x2"], requests=2)
        measure("many seeds", folder, "--configfile", str(study), rounds=rounds)
        study = write_study(folder, seeds=5, sharding=["1x1", "5x3", "10x3"], requests=40)
        measure("long ledger", folder, "--configfile", str(study), rounds=rounds)


if __name__ == "__main__":
    main()
