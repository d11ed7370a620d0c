"""The commands of workflow/profiles/cluster-generic: what they ask PBS, and how they read what it
says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

COMMANDS = Path(__file__).resolve().parents[2] / "workflow" / "profiles" / "cluster-generic"


@pytest.fixture
def call(tmp_path):
    """call(command, program, script, *arguments): what a command prints, while a program of PBS is
    a given script."""

    def call(command: str, program: str, script: str, *arguments: str) -> str:
        (tmp_path / program).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / program).chmod(0o755)
        path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
        return subprocess.run(
            ["/bin/sh", str(COMMANDS / command), *arguments],
            cwd=tmp_path,
            env={"PATH": path},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    return call


@pytest.mark.parametrize(("gpus", "asked"), [("0", ""), ("2", ":ngpus=2")])
def test_a_job_is_submitted_with_what_it_asks_for(call, tmp_path, gpus, asked):
    """Half an hour is 1800 seconds; GPUs are not named where none are asked for."""
    said = call("submit.sh", "qsub", 'echo "$@"', "4", "2000", "30", gpus, "its job.sh")
    assert said == (
        f"-V -j oe -o .snakemake/pbs/ -l select=1:ncpus=4:mem=2000mb{asked} -l walltime=1800 "
        "its job.sh"
    )
    assert (tmp_path / ".snakemake/pbs").is_dir()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("echo '    job_state = Q'", "running"),
        ("echo '    job_state = R'", "running"),
        ("echo '    job_state = E'; echo '    Exit_status = 0'", "running"),
        ("echo '    job_state = F'; echo '    Exit_status = 0'", "success"),
        ("echo '    job_state = F'; echo '    Exit_status = 271'", "failed"),
        ("echo '    job_state = F'", "failed"),  # deleted before it ran
        ("echo 'qstat: Unknown Job Id 7.host' >&2; exit 153", "failed"),
        ("echo 'qstat: cannot connect to server' >&2; exit 111", "running"),
        ("echo \"$@\" | grep -qx -- '-x -f 7.host' && echo ' job_state = R'", "running"),
    ],
)
def test_the_status_of_a_job_is_read(call, said, status):
    assert call("status.sh", "qstat", said, "7.host") == status
