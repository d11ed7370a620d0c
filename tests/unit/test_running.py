"""Who is at work in a folder: a run that lives is seen, one that was killed too, and its jobs
end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

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


def test_one_that_was_killed_is_told_of_until_nobody_else_is_at_work(start, tmp_path):
    """Whose lock Snakemake left cannot be told before: who forgot the killed one then would leave
    its lock for ever."""
    alive, killed = start(RUN, tmp_path, 60), start(RUN, tmp_path, 60)
    killed.kill()
    killed.wait()
    for _ in range(2):
        assert start(RUN, tmp_path).said == f"['{name_of(alive)}'] ['{name_of(killed)}']"
    alive.kill()
    alive.wait()
    both = sorted(map(name_of, (alive, killed)))
    assert start(RUN, tmp_path).said == f"[] {both}"
    assert start(RUN, tmp_path).said == "[] []"


def test_who_else_is_at_work_is_told_without_entering(start, tmp_path, monkeypatch):
    first, killed = start(RUN, tmp_path, 60), start(RUN, tmp_path, 60)
    killed.kill()
    killed.wait()
    before = sorted(tmp_path.iterdir())
    assert running.at_work(tmp_path) == [name_of(first)]
    monkeypatch.setenv(running.VARIABLE, str(tmp_path / name_of(first)))
    assert running.at_work(tmp_path) == []  # the run that asks
    assert sorted(tmp_path.iterdir()) == before and running.at_work(tmp_path / "none") == []


def test_a_process_enters_once(start, tmp_path):
    code = "from palimpsest.engine import running; before = running.entered()\n" + RUN
    code += "print(before, running.entered(), flush=True)"
    run = start(code, tmp_path)
    assert run.said == "[] []" and run.stdout.readline() == "False True\n"
    inherited = {"PALIMPSEST_RUN": str(tmp_path / name_of(run))}
    assert (
        start("from palimpsest.engine.running import entered; print(entered())", **inherited).said
        == "False"
    )


def test_a_run_of_another_host_counts_as_alive_until_its_file_is_an_hour_old(start, tmp_path):
    """Or an hour ahead, by the clock of that host."""
    other = tmp_path / "12@elsewhere"
    for hours in (-1, 1):
        other.write_text("")
        assert start(RUN, tmp_path).said == "['12@elsewhere'] []"
        os.utime(other, (time.time() + 3700 * hours, time.time() + 3700 * hours))
        assert start(RUN, tmp_path).said == "[] ['12@elsewhere']"
        assert not other.exists()


def test_a_run_of_another_host_counts_as_killed_once_somebody_says_so(start, tmp_path):
    """Unless it is locked, as seen from here, or goes on to touch its file."""
    other, locked = tmp_path / "12@elsewhere", start(RUN, tmp_path, 60)
    other.write_text("")
    (tmp_path / name_of(locked)).rename(tmp_path / "13@elsewhere")
    running.disown(tmp_path)
    assert start(RUN, tmp_path).said == "['13@elsewhere'] ['12@elsewhere']"
    os.utime(other)
    assert start(RUN, tmp_path).said == "['12@elsewhere', '13@elsewhere'] []"


def test_a_run_that_left_jobs_on_a_cluster_is_told_of_until_they_are_ended(
    start, tmp_path, monkeypatch
):
    """A dry run ends nothing, and must not make the next run forget them."""
    run = start(RUN, tmp_path, 60)
    name, queue = name_of(run), {"slurm": "name"}
    assert running.queue_of(name, tmp_path) == {} == running.queue_of("none", tmp_path)
    monkeypatch.setenv(running.VARIABLE, str(tmp_path / name))
    running.note_queue(queue)
    run.kill()
    run.wait()
    for _ in range(2):
        assert start(RUN, tmp_path).said == f"[] ['{name}']"
        assert running.queue_of(name, tmp_path) == queue
    running.forget([name], tmp_path)
    assert start(RUN, tmp_path).said == "[] []"


def test_a_file_that_is_locked_counts_as_alive_however_old(start, tmp_path):
    """A container on this machine has another host name, and locks that are seen here."""
    run = start(RUN, tmp_path, 60)
    other = tmp_path / "12@elsewhere"
    (tmp_path / name_of(run)).rename(other)
    os.utime(other, (0, 0))
    assert start(RUN, tmp_path).said == "['12@elsewhere'] []"


def test_a_run_says_that_it_lives_by_the_date_of_its_file(start, tmp_path):
    quick = RUN.replace("print(", "running.BEAT_SECONDS = 0.05; print(", 1)
    run = start(quick, tmp_path, 60)
    file = tmp_path / name_of(run)
    os.utime(file, (0, 0))
    deadline = time.monotonic() + 10
    while file.stat().st_mtime < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert file.stat().st_mtime > time.time() - 60


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
