"""What jobs that failed say is found in their logs, and said once."""

from __future__ import annotations

import os

import pytest

from palimpsest.engine.failures import endings, of_the_user, reason, took_part
from palimpsest.errors import Problem, UserError, problem_of_system

SAID = """Error in rule train:
    jobid: 1
    log: {one} (check log file(s) for error details)
Error in rule train:
    log: {two} (check log file(s) for error details)
    log: {two} (check log file(s) for error details)
Error in rule score:
    log: nowhere.log (check log file(s) for error details)
"""


def write(path, text):
    path.write_text(text)
    return str(path)


def test_a_log_ends_with_the_problems_that_a_step_told(tmp_path):
    """From the last time that it told any; what two jobs say alike is said once."""
    text = "INFO started\npalimpsest train: 1 problem found\n- old\n"
    text += "palimpsest train: 2 problems found\n- a\n- b\n"
    one, two = (write(tmp_path / name, text) for name in ("one.log", "two.log"))
    log = write(tmp_path / "snakemake.log", SAID.format(one=one, two=two))
    assert endings([log]) == {(one, two): "palimpsest train: 2 problems found\n- a\n- b"}


def test_or_with_its_last_lines(tmp_path):
    one = write(tmp_path / "one.log", "\n".join(map(str, range(30))))
    log = write(tmp_path / "snakemake.log", SAID.format(one=one, two="none.log"))
    assert endings([log]) == {(one,): "\n".join(map(str, range(10, 30)))}
    assert endings([]) == {}


def test_who_did_its_work_in_a_group_that_failed_says_nothing(tmp_path):
    end = "INFO slice took 1.20 s, 1.00 s of them of the processor, and at most 90 MB\n"
    one, two = write(tmp_path / "one.log", end), write(tmp_path / "two.log", "killed")
    log = write(tmp_path / "snakemake.log", SAID.format(one=one, two=two))
    assert endings([log]) == {(two,): "killed"}
    assert not took_part([one, "none.log"]) and took_part([one, two])


def test_jobs_with_several_logs_are_matched(tmp_path):
    """On Slurm, with its own, of which those lines count that say why it ended the job."""
    own = write(tmp_path / "own.log", "step 1/9")
    (tmp_path / "slurm_logs").mkdir()
    killed = "slurmstepd-n7: error: Detected 1 oom_kill event in StepId=7.0."
    text = (
        f"Building DAG of jobs...\n{killed}\nsrun: error: node: task 0: Out Of Memory\n{killed}\n"
    )
    slurm = write(tmp_path / "slurm_logs" / "7.log", text)
    quiet = write(tmp_path / "slurm_logs" / "8.log", "Building DAG of jobs...\n")
    said = f"    log: {own}, {slurm} (check log file(s) for error details)\n"
    said += f"            log: {quiet} (check log file(s) for error details)\n"
    log = write(tmp_path / "snakemake.log", said)
    assert endings([log]) == {(own,): "step 1/9", (slurm,): killed}


@pytest.mark.parametrize(
    ("error", "same_again"),
    [
        (UserError(Problem("the file is damaged", "a.parquet")), True),
        (UserError(problem_of_system(MemoryError())), False),
        (UserError(problem_of_system(OSError(28, "No space left on device", "a"))), False),
        ("Killed", False),
        ("", False),
    ],
)
def test_an_error_of_the_user_is_the_same_at_each_attempt(error, same_again, tmp_path):
    """Too little memory or a full disk is not, nor is a job that says nothing."""
    said = f"palimpsest train: {error}" if isinstance(error, UserError) else error
    log = write(tmp_path / "a.log", f"INFO started\n{said}\n")
    none = str(tmp_path / "none.log")
    assert of_the_user([none, log], since=0) is same_again
    assert not of_the_user([none], since=0)


def test_what_an_earlier_run_logged_does_not_count(tmp_path):
    log = write(
        tmp_path / "a.log", "palimpsest train: 1 problem found; nothing was changed.\n- a: b"
    )
    os.utime(log, (100, 100))
    assert of_the_user([log], since=100) and not of_the_user([log], since=101)


def test_the_reason_of_an_executor_without_its_phrases():
    said = "SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'. "
    further = "For further error details see the cluster/cloud log and the log files."
    unavailable = "Detailed failure reason unavailable (status command is not 'sacct')."
    assert reason(said + unavailable + further) == said.strip()
    assert reason(said + "Reason: Unknown." + further) == said.strip()
    assert reason(further) == reason(None) == ""
