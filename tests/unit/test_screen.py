"""What a run shows: a line a job with what is left, a table of a dry run, and no less of what went
wrong."""

from __future__ import annotations

import io
import logging
import time
from types import SimpleNamespace

import pytest

from palimpsest.engine import screen
from palimpsest.engine.screen import (
    FOLLOWS,
    Job,
    Pace,
    Screen,
    by_rule,
    changed_params,
    duration,
    how_many,
    where_it_is,
)

NONE = {name: False for name in ("printshellcmds", "verbose", "debug_dag", "show_failed_logs")}


class Run:
    """A screen, and Snakemake's side of it: what it says of a run of three jobs."""

    def __init__(self, dryrun: bool = False, ends=lambda nothing: None, jobs=(), **options):
        self.stream = io.StringIO()
        own = logging.StreamHandler(self.stream)
        own.name = "DefaultStreamHandler"
        settings = SimpleNamespace(**(NONE | {"quiet": None, "dryrun": dryrun} | options))
        self.screen = Screen(own, settings, lambda: jobs, ends)

    def says(self, message: str, event: str | None = None, level=logging.INFO, **fields) -> None:
        record = logging.makeLogRecord({"msg": message, "levelno": level, "event": event} | fields)
        self.screen.handle(record)

    def counts(self, **jobs: int) -> None:
        stats = jobs | {"total": sum(jobs.values())}
        self.says("Job stats:\njob  count\n", "run_info", stats=stats)

    def starts(self, number: int, rule: str, message: str | None, log: str = "x.log") -> None:
        told = {"jobid": number, "rule_name": rule, "rule_msg": message, "log": [log]}
        self.says(f" Rule: {rule}", "job_info", reason="Missing output files: a, b", **told)

    def ends(self, number: int) -> None:
        self.says(f"Finished jobid: {number}", "job_finished", job_id=number)
        self.says("", "progress", done=1, total=3)

    def fails(self, number: int, rule: str, why: str | None = None, **aux) -> None:
        told = {"jobid": number, "rule_name": rule, "rule_msg": why, "log": ["a.log"], "aux": aux}
        self.says(f"Error in rule {rule}", "job_error", logging.ERROR, indent=False, **told)

    @property
    def shown(self) -> list[str]:
        return self.stream.getvalue().splitlines()


def test_a_job_is_a_line_with_what_is_done_and_what_is_left():
    run = Run()
    run.says("Using shell: /usr/bin/bash")
    run.says("Provided cores: 2", "resources_info")
    run.counts(slice=1, train=2)
    run.says("Select jobs to execute...")
    run.says("Execute 1 jobs...", "job_started", jobs=[1])
    run.starts(1, "slice", "Cutting slice 1")
    run.says("Shell command: python -m palimpsest ...", "shellcmd")
    run.ends(1)
    run.starts(2, "train", None)
    first, *lines = run.shown
    assert first == "3 jobs: 2 train, 1 slice."
    assert [line.split("  ", 1)[1] for line in lines] == [
        f"0/3  {'':<16}  Cutting slice 1",
        f"1/3  {'over 0 s left':<16}  train",
    ]
    run.screen.close()


def test_what_is_no_news_of_a_job_stays():
    run = Run()
    for line in ("The source changed", "Directory cannot be locked", "Complete log(s): x.log"):
        run.says(line)
    assert run.shown == [
        "The source changed",
        "Directory cannot be locked",
        "Complete log(s): x.log",
    ]


def test_a_dry_run_beside_another_run_tells_of_no_error():
    locked = "Error: Directory cannot be locked. Another Snakemake instance is running."
    for dryrun, shown in ((True, []), (False, [locked])):
        run = Run(dryrun=dryrun)
        run.says(locked)
        assert run.shown == shown


def test_a_job_that_failed_is_named_with_its_log_and_without_its_command():
    run = Run()
    run.counts(train=2)
    run.starts(1, "train", "Training base of demo")
    run.says("RuleException:\nCalledProcessError in file x:\nCommand 'python -m ...'", "error")
    run.fails(1, "train", external_jobid="4711")
    run.says("Exiting because a job execution failed. Look above for error messages")
    assert run.shown[2:] == [
        "Failed: Training base of demo (rule train); log a.log; external_jobid 4711"
    ]
    run.fails(1, "train", "SLURM-job '7' failed. For further error details see the log.")
    assert run.shown[-1] == "Failed: rule train; SLURM-job '7' failed.; log a.log"
    run.starts(1, "train", "Training base of demo")  # Snakemake tries again
    assert "  0/2  " in run.shown[-1] and run.screen.pace.total == 2
    run.screen.close()


def test_of_a_group_those_jobs_are_told_of_that_failed(tmp_path):
    """Snakemake tells of all of them; some were done before, others had not begun."""
    run, done, failed = Run(), tmp_path / "done.log", tmp_path / "failed.log"
    done.write_text("INFO slice took 1.20 s, 1.00 s of them of the processor, and at most 90 MB\n")
    failed.write_text("INFO update 3 of 9\n")
    run.says("Error in group data", "group_error", logging.ERROR, aux_logs=[])
    for rule, log in (("slice", done), ("train", failed), ("score", tmp_path / "none.log")):
        told = {"jobid": 1, "rule_name": rule, "rule_msg": None, "log": [str(log)], "aux": {}}
        run.says(f"Error in rule {rule}", "job_error", logging.ERROR, indent=True, **told)
    assert run.shown == [f"Failed: rule train; log {failed}"]


def test_another_exception_is_shown_whole():
    run = Run()
    run.says("RuleException:\nKeyError in file x, line 3: 'a'", "error", logging.ERROR)
    assert run.shown == ["RuleException:", "KeyError in file x, line 3: 'a'"]


def test_logs_of_failed_jobs_are_shown_where_a_profile_asks_for_them():
    """By Snakemake, which reads them."""
    run = Run(show_failed_logs=True)
    run.fails(1, "train")
    assert run.shown == ["Error in rule train"]


def test_who_asks_snakemake_for_more_or_less_gets_its_own_lines():
    for option in ({"printshellcmds": True}, {"verbose": True}, {"quiet": {"reason"}}):
        run = Run(**option)
        run.says("Select jobs to execute...")
        run.starts(1, "train", "Training")
        assert run.shown == ["Select jobs to execute...", " Rule: train"]


def test_a_dry_run_is_a_table_by_rule_and_its_last_lines():
    ends = []
    jobs = [("slice", ["output files have to be generated", FOLLOWS]), ("train", [FOLLOWS])]
    run = Run(dryrun=True, ends=ends.append, jobs=jobs)
    run.counts(slice=1, train=1)
    run.starts(1, "slice", "Cutting slice 1")
    run.starts(2, "train", "Training")
    run.counts(slice=1, train=1)  # at the end Snakemake counts once more
    run.says("Reasons:\n    (check individual jobs above for details)")
    run.says("This was a dry-run (flag -n). The order of jobs does not reflect ...")
    assert run.shown == [
        "rule    jobs  why",
        "slice      1  not made yet",
        "train      1  follow from others",
        "total      2",
        screen.MORE,
    ]
    assert ends == [False]
    run.says("Nothing to be done (all requested files are present and up to date).")
    assert ends == [False, True]


def test_a_dry_run_of_many_jobs_says_little():
    """A study of 1,100 jobs took megabytes for files that follow from others."""
    reasons = ["output files have to be generated", FOLLOWS]
    jobs = [(f"rule{number % 25}", reasons) for number in range(1100)]
    run = Run(dryrun=True, jobs=jobs)
    run.counts(**{f"rule{number}": 44 for number in range(25)})
    for number, (rule, _) in enumerate(jobs):
        run.starts(number, rule, "Training " * 20)
    assert len(run.shown) == 27 and len(run.stream.getvalue()) < 2000


def test_a_table_says_how_many_jobs_have_a_reason():
    new, code = "output files have to be generated", "other code"
    jobs = [("train", [new]), ("train", [FOLLOWS, code]), ("train", [FOLLOWS]), ("b", ["queue"])]
    assert by_rule(jobs, ["train", "b"]).splitlines()[1:] == [
        "train      3  1 not made yet, 1 other code, 1 follow from others",
        "b          1  queue",  # a reason that is not known has Snakemake's name
        "total      4",
    ]


def test_what_changed_of_a_step():
    """As Snakemake keeps params: settings are a text of JSON, `counts` digests, that of the code
    first."""
    settings = "'{\"seed\": 1}'"
    assert changed_params({settings}, {"'{\"seed\": 2}'"}) == ["other settings"]
    assert changed_params({"'aa, 1f'", settings}, {"'bb, 1f'"}) == ["other settings", "other code"]
    assert changed_params({"'aa, 1f'"}, {"'aa, 2e'"}) == ["other owners or sources"]


# --- what is left ---------------------------------------------------------------------------------


def test_what_is_left_follows_from_how_long_jobs_of_a_rule_take():
    """Two at once, 10 s each of four trainings: the two that are left have run for 4 s of 10."""
    pace = Pace({"train": 4}, now=0.0)
    for number, began in ((1, 0.0), (2, 0.0)):
        pace.start(number, Job("train", "", (), began))
    assert pace.left(5.0) == ""  # nothing has ended
    for number in (1, 2):
        pace.end(number, 10.0)
    for number, began in ((3, 10.0), (4, 10.0)):
        pace.start(number, Job("train", "", (), began))
    assert (pace.done, pace.total) == (2, 4)
    assert pace.left(14.0) == "about 6 s left"


def test_where_most_jobs_are_of_rules_that_never_ended_it_takes_longer():
    pace = Pace({"slice": 1, "train": 5}, now=0.0)
    pace.start(1, Job("slice", "", (), 0.0))
    pace.end(1, 2.0)
    assert pace.left(2.0) == "over 10 s left"


@pytest.mark.parametrize(
    "seconds, said", [(0.2, "0 s"), (99, "99 s"), (150, "2 min"), (5400, "90 min"), (9000, "2.5 h")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_the_rules_with_most_jobs_are_named():
    jobs = {f"rule{number}": number for number in range(1, 10)}
    assert how_many(jobs) == (
        "45 jobs: 9 rule9, 8 rule8, 7 rule7, 6 rule6, 5 rule5, 4 rule4, 6 of other rules."
    )


def test_a_long_job_is_told_of_while_it_runs(monkeypatch, tmp_path):
    """In fewer and fewer lines, with the last step that its log tells of."""
    monkeypatch.setattr(screen, "SILENCE", 0.02)
    log = tmp_path / "train.log"
    log.write_text("INFO 40 records\ntrain: step 10/90, loss 0.7\ntrain: step 20/90, loss 0.6\n\n")
    run = Run()
    run.screen.silence = 0.02
    run.counts(train=1, slice=1)
    run.starts(1, "train", "Training base", str(log))
    run.starts(2, "slice", "Cutting")
    for _ in range(200):
        time.sleep(0.01)
        if len(run.shown) > 4:
            break
    run.screen.close()
    assert all(
        "Training base, for 0 s: train: step 20/90, loss 0.6; 1 more at work" in line
        for line in run.shown[3:5]
    )
    assert run.screen.silence >= 0.04


def test_a_log_without_steps_tells_nothing(tmp_path):
    (tmp_path / "a.log").write_bytes(b"INFO read\xff\n" * 1000)
    assert where_it_is([str(tmp_path / "a.log"), str(tmp_path / "none.log")]) == ""
