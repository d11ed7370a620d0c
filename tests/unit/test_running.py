"""Who is at work in a folder: a run that lives is seen, one that was killed too, and its jobs
end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from palimpsest.engine import running
from palimpsest.errors import UserError

RUN = """
import sys, time
from pathlib import Path
from palimpsest.engine import running
print(*running.enter(Path(sys.argv[1])), flush=True)
if len(sys.argv) > 2:
    time.sleep(float(sys.argv[2]))
"""
JOB = """
import os, time
from palimpsest.engine import running
running.follow(os.environ[running.VARIABLE])
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def start():
    started = []

    def start(code: str, *arguments, **environment) -> subprocess.Popen:
        """A process, once it has said a line."""
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | environment
        )
        started.append(process)
        process.said = process.stdout.readline().strip()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def name_of(process) -> str:
    return f"{process.pid}@{socket.gethostname()}"


def test_a_run_that_ended_leaves_nothing(start, tmp_path):
    assert start(RUN, tmp_path).said == "[] []"
    assert start(RUN, tmp_path).wait() == 0
    assert not list(tmp_path.iterdir())


def test_one_that_lives_is_seen_and_one_that_was_killed_once(start, tmp_path):
    first = start(RUN, tmp_path, 60)
    assert start(RUN, tmp_path).said == f"['{name_of(first)}'] []"
    first.kill()
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)  # it is left a zombie, which is no run
    assert start(RUN, tmp_path).said == f"[] ['{name_of(first)}']"
    assert start(RUN, tmp_path).said == "[] []"


def test_a_run_of_another_host_counts_as_alive(start, tmp_path):
    (tmp_path / "12@elsewhere").write_text("")
    assert start(RUN, tmp_path).said == "['12@elsewhere'] []"


def test_jobs_end_with_their_run_and_not_before(start, tmp_path):
    run = start(RUN, tmp_path, 60)
    job = start(JOB, PALIMPSEST_RUN=str(tmp_path / name_of(run)))
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(timeout=2.5)
    run.kill()
    assert job.wait(timeout=10) == 1


def test_a_job_without_a_run_goes_its_way(start, tmp_path):
    job = start(JOB, PALIMPSEST_RUN=str(tmp_path / "gone"))
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(timeout=1.5)


def test_folders_that_take_no_files_are_named_together(tmp_path, monkeypatch):
    """Asked of the system: root may write everywhere."""
    folders = [tmp_path / name for name in ("open", "closed", "shut", "none")]
    for folder in folders[:3]:
        folder.mkdir()
    monkeypatch.setattr(running.os, "access", lambda path, _: str(path) == str(folders[0]))
    running.check_writable(map(str, folders[:1] + folders[3:]))
    with pytest.raises(UserError) as told:
        running.check_writable(map(str, folders))
    assert [problem.where for problem in told.value.problems] == [str(one) for one in folders[1:3]]
