"""What a killed run left on a cluster is ended, by the commands of its scheduler or by the jobs
themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from palimpsest.engine import cluster, running
from palimpsest.errors import UserError

JOB = """
import subprocess, sys, time
from palimpsest.engine import cluster
step = subprocess.Popen(["sleep", "60"], stdout=-3, stderr=-3)
cluster.POLL_SECONDS = 0.05
cluster.follow(sys.argv[1])
print(step.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def scheduler(tmp_path, monkeypatch):
    """A Slurm, or another scheduler, of shell scripts first in PATH: its jobs are the lines of
    `queue`, what it is asked stands in `asked`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(cluster, "POLL_SECONDS", 0.01)
    queue, asked = tmp_path / "queue", tmp_path / "asked"
    queue.write_text("7\n8\n")
    asked.write_text("")

    def command(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {asked}\n{script}\n')
        path.chmod(0o755)

    command("squeue", f"cat {queue}")
    command("scancel", f": > {queue}")
    command("qdel", f": > {queue}")
    command("qstat", f'grep -q "^$1$" {queue} && echo running || echo failed')
    return SimpleNamespace(queue=queue, asked=lambda: asked.read_text().splitlines(), add=command)


@pytest.fixture
def markers(tmp_path):
    """Snakemake's notes of what is not whole: of two jobs, one of which has two outputs, and of one
    on this machine."""
    folder = tmp_path / "incomplete"
    (folder / "@long").mkdir(parents=True)
    for name, number in {"a": "8", "b": "8", "@long/c": "7", "d": None}.items():
        (folder / name).write_text(json.dumps({"external_jobid": number}))
    (folder / "broken").write_text("{")
    return folder


def test_a_run_notes_by_what_its_jobs_are_found():
    generic = SimpleNamespace(cancel_cmd="qdel -x", status_cmd=None, submit_cmd="qsub")
    assert cluster.noted("slurm", SimpleNamespace(), "name") == {"slurm": "name"}
    assert cluster.noted("cluster-generic", generic, None) == {"cancel": "qdel -x", "generic": "1"}
    assert cluster.noted("local", SimpleNamespace(), None) == {}


def test_what_is_left_in_slurm_is_cancelled_by_the_name_of_the_run(scheduler):
    said = cluster.end_left("1@here", {"slurm": "run"})
    assert said == ["Ended what 1@here left in the queue of Slurm: 7, 8."]
    asked = "squeue --noheader --format=%A --name run"
    assert scheduler.asked() == [asked, "scancel --name run", asked]


def test_nothing_is_said_where_nothing_is_left(scheduler, tmp_path):
    scheduler.queue.write_text("")
    assert cluster.end_left("1@here", {"slurm": "run"}) == []
    assert cluster.end_left("1@here", {"generic": "1", "cancel": "qdel"}, tmp_path / "none") == []
    assert cluster.end_left("1@here", {}) == []
    assert not [line for line in scheduler.asked() if not line.startswith("squeue")]


def test_jobs_that_do_not_end_stop_the_run(scheduler, monkeypatch):
    """They would write what it writes."""
    monkeypatch.setattr(cluster, "SECONDS", 0.1)
    scheduler.add("scancel", ":")
    with pytest.raises(UserError, match="7, 8") as told:
        cluster.end_left("1@here", {"slurm": "run"})
    assert "name run" in str(told.value) and "run again" in str(told.value)


def test_where_slurm_cannot_be_asked_the_command_is_told(scheduler):
    scheduler.add("squeue", "echo 'slurm_load_jobs error: no controller' >&2; exit 1")
    (said,) = cluster.end_left("1@here", {"slurm": "run"})
    assert "no controller" in said and "scancel --name run" in said


def test_what_is_left_on_another_cluster_is_ended_by_the_commands_of_its_profile(
    scheduler, markers
):
    """Each job once, and no note leads Snakemake to take it up again; outputs stay marked."""
    queue = {"generic": "1", "cancel": "qdel -x", "status": "qstat"}
    assert cluster.submitted(markers) == ["7", "8"]
    said = cluster.end_left("1@here", queue, markers)
    assert said == ["Ended what 1@here left in the queue: 7, 8."]
    assert scheduler.asked() == ["qdel -x 7 8", "qstat 7", "qstat 8"]
    assert cluster.submitted(markers) == [] and len([*markers.rglob("[a-d]")]) == 4
    assert json.loads((markers / "a").read_text()) == {"external_jobid": None}


def test_without_a_command_that_ends_jobs_they_are_told_of(scheduler, markers):
    (said,) = cluster.end_left("1@here", {"generic": "1", "status": "qstat"}, markers)
    assert "7, 8" in said and scheduler.asked() == [] and cluster.submitted(markers) == []


def test_a_job_ends_with_all_that_it_started_once_its_run_is_replaced(tmp_path):
    """And not before: the file of a run that was killed stays until then."""
    file = tmp_path / "1@here"
    file.write_text("")
    command = [sys.executable, "-c", JOB, str(file)]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    step = int(job.stdout.readline())
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(timeout=1)
    file.unlink()
    assert job.wait(timeout=10) == 1 and cluster.ENDED in job.stderr.read()
    until = time.monotonic() + 10
    while lives(step) and time.monotonic() < until:
        time.sleep(0.05)
    assert not lives(step)


def lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_job_knows_by_which_run_it_was_submitted(monkeypatch):
    """Also inside what it starts itself; the lock of that run is not its own to watch."""
    monkeypatch.delenv(cluster.VARIABLE, raising=False)
    monkeypatch.delenv(running.VARIABLE, raising=False)
    assert cluster.submitted_by() == ""
    monkeypatch.setenv(running.VARIABLE, "runs/1@here")
    monkeypatch.setenv(cluster.VARIABLE, "runs/0@earlier")
    assert cluster.submitted_by() == "runs/1@here" == cluster.submitted_by()
    assert running.VARIABLE not in os.environ


def test_a_file_system_that_stumbles_ends_no_job(tmp_path, monkeypatch):
    """A file that cannot be looked at, or is back a moment later, is not gone."""
    monkeypatch.setattr(cluster, "POLL_SECONDS", 0.0)
    assert cluster.gone(str(tmp_path / "none"))
    answers = [FileNotFoundError, None]

    def stat(path):
        answer = answers.pop(0)
        if answer:
            raise answer

    with monkeypatch.context() as patched:
        patched.setattr(cluster.os, "stat", stat)
        assert not cluster.gone("file") and not answers
        answers.append(OSError)
        assert not cluster.gone("file") and not answers
