"""What a run shows: a line a job where Snakemake prints seven, and of a dry run a table by rule.

Snakemake's own log in .snakemake/log holds all that it says; so does the screen of who asks for it
(`--printshellcmds`, `--verbose`, `--quiet` with what it should leave out).
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from palimpsest.engine.failures import reason, took_part

SILENCE, LONGEST_SILENCE = 30.0, 300.0  # seconds without a line, after which one tells of long jobs
MOST_RULES = 6  # of which it is told how many jobs they have
TAIL = 4096  # bytes at the end of a job's log in which it says where it is
STEP = re.compile(r"^.*\bstep \d+/\d+.*$", flags=re.MULTILINE)  # as training/progress.py writes it

# What Snakemake says of each job, or of each round of jobs, by its events; and without one.
OF_JOBS = {
    "workflow_started", "run_info", "resources_info", "group_info", "shellcmd", "job_info",
    "job_started", "job_finished", "progress", "job_error", "group_error",
}  # fmt: skip
ASIDES = (
    "Assuming unrestricted shared filesystem",
    "Using shell:",
    "Provided resources:",
    "Group jobs: inactive",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Select jobs to execute",
    "Shutting down, this might take some time",
    "Exiting because a job execution failed",
    "RuleException:\nCalledProcessError",  # the whole command, which the log has
    "Reasons:\n",
    "Some jobs were triggered by provenance information",
    "Rules with provenance triggered jobs",
)
DRY, NOTHING = "This was a dry-run", "Nothing to be done"
LOCKED = "Error: Directory cannot be locked"  # and it goes on, where it only looks
MORE = "Nothing was run. `snakemake -n -p` shows each job with its reasons, files and command."

# Snakemake's names of reasons, in short.
PARAMS = "params have changed since last execution"  # which `changed_params` tells
FOLLOWS = "input files updated by another job"
REASONS = {
    "forced": "forced",
    "incomplete output files": "left unfinished",
    "output files have to be generated": "not made yet",
    "updated input files": "other inputs",
    "set of input files has changed since last execution": "other inputs",
    "code has changed since last execution": "other command",
    "software environment definition has changed since last execution": "other environment",
    "run or shell but no output": "always runs",
    "neither input nor output": "always runs",
    FOLLOWS: "follow from others",
}


@dataclass
class Job:
    rule: str
    message: str
    logs: tuple[str, ...]
    began: float


class Pace:
    """How long the rest will take, from how long the jobs of each rule took so far."""

    def __init__(self, jobs: Mapping[str, int], now: float):
        """``jobs``: how many there are of each rule."""
        self.waiting, self.began = Counter(jobs), now
        self.running: dict[int, Job] = {}
        self.seconds: dict[str, list[float]] = {}

    @property
    def total(self) -> int:
        return self.done + len(self.running) + self.waiting.total()

    @property
    def done(self) -> int:
        return sum(map(len, self.seconds.values()))

    def start(self, number: int, job: Job) -> None:
        self.running[number] = job
        if self.waiting[job.rule]:
            self.waiting[job.rule] -= 1

    def end(self, number: int, now: float) -> None:
        job = self.running.pop(number, None)
        if job:
            self.seconds.setdefault(job.rule, []).append(now - job.began)

    def again(self, number: int) -> Job | None:
        """A job that failed: it waits, in case it is tried again."""
        job = self.running.pop(number, None)
        if job:
            self.waiting[job.rule] += 1
        return job

    def left(self, now: float) -> str:
        """In words; nothing before the first job has ended. Jobs of rules that none has ended of
        are taken to be as long as the others: where they are many, it is `over`."""
        ended = [one for some in self.seconds.values() for one in some]
        if not ended:
            return ""
        mean = sum(ended) / len(ended)
        means = {rule: sum(some) / len(some) for rule, some in self.seconds.items()}
        open_jobs = [(means.get(rule, mean), 0.0, rule) for rule in self.waiting.elements()]
        open_jobs += [
            (means.get(one.rule, mean), now - one.began, one.rule) for one in self.running.values()
        ]
        spent = sum(ended) + sum(passed for _, passed, _ in open_jobs)
        at_once = max(spent / max(now - self.began, 1e-9), 1e-9)
        seconds = sum(max(expected - passed, 0.0) for expected, passed, _ in open_jobs) / at_once
        unknown = sum(rule not in means for *_, rule in open_jobs)
        return f"{'over' if 20 * unknown > len(open_jobs) else 'about'} {duration(seconds)} left"


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class Screen(logging.Handler):
    """Stands in the place of Snakemake's handler of the screen, ``own``, which goes on to show all
    that is no news of single jobs: warnings, errors, what this workflow says."""

    def __init__(
        self,
        own: logging.Handler,
        settings,
        jobs: Callable[[], Iterable[tuple[str, list[str]]]],
        end: Callable[[bool], None],
    ):
        """``settings``: Snakemake's, of its output. jobs: -> rule and reasons of each job that
        would run. end: tells the last lines of a dry run; of a run with nothing to do (True)."""
        super().__init__()
        self.name = own.name
        self.own, self.settings, self.jobs, self.end = own, settings, jobs, end
        asked = settings.printshellcmds, settings.verbose, settings.debug_dag, settings.quiet
        self.whole = any(asked) or not isinstance(own, logging.StreamHandler)
        self.pace = Pace({}, time.monotonic())
        self.last, self.silence = time.monotonic(), SILENCE
        self.closed = threading.Event()
        self.watching: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._show(record)
            said = record.getMessage()
            if said.startswith((DRY, NOTHING)):
                self.end(said.startswith(NOTHING))
            if said.startswith(DRY) and not self.whole:
                self._say(MORE)
        except BrokenPipeError:
            raise
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self.closed.set()
        self.own.close()
        super().close()

    def _show(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if self.whole:
            self.own.handle(record)
        elif event in OF_JOBS:
            getattr(self, f"_{event}", lambda _: None)(record)
        elif not record.getMessage().startswith(
            (*ASIDES, DRY, *([LOCKED] if self.settings.dryrun else []))
        ):
            self.own.handle(record)

    def _say(self, line: str) -> None:
        """A line that Snakemake's handler shows as its own, in its colours."""
        self.own.handle(logging.makeLogRecord({"msg": line, "levelno": logging.INFO}))

    def _write(self, line: str) -> None:
        stream = self.own.stream
        stream.write(f"{line}\n")
        stream.flush()
        self.last = time.monotonic()

    # --- what Snakemake says, by its events -------------------------------------------------------

    def _run_info(self, record) -> None:
        """It counts the jobs: before they run, and in a dry run once more at its end."""
        counts = {name: count for name, count in record.stats.items() if name != "total"}
        if self.settings.dryrun:
            if not self.pace.total:
                self._say(by_rule(self.jobs(), [*counts]))
        else:
            self._say(how_many(counts))
        self.pace = Pace(counts, time.monotonic())

    def _job_info(self, record) -> None:
        if self.settings.dryrun:
            return
        message = record.rule_msg or record.rule_name
        now = time.monotonic()
        self.pace.start(record.jobid, Job(record.rule_name, message, tuple(record.log), now))
        self._write(self._line(now, message))
        self.silence = SILENCE
        if not self.watching:
            self.watching = threading.Thread(target=self._watch, daemon=True)
            self.watching.start()

    def _job_finished(self, record) -> None:
        self.pace.end(record.job_id, time.monotonic())

    def _job_error(self, record) -> None:
        job = self.pace.again(record.jobid)
        if self.settings.show_failed_logs:
            self.own.handle(record)
            return
        if record.indent and not took_part(record.log):
            return  # of a group, in which another job failed
        what = f"{job.message} (rule {record.rule_name})" if job else f"rule {record.rule_name}"
        further = [f"{name} {value}" for name, value in record.aux.items()]
        logs = [f"log {', '.join(record.log)}"] if record.log else []
        why = [*filter(None, [reason(getattr(record, "rule_msg", None))])]
        self._say_error(f"Failed: {'; '.join([what, *why, *logs, *further])}")

    def _group_error(self, record) -> None:
        """Those of its jobs that failed are told of besides."""
        if self.settings.show_failed_logs:
            self.own.handle(record)
        elif record.aux_logs:
            self._say_error(f"Failed: a group of jobs; log {', '.join(record.aux_logs)}")

    def _say_error(self, line: str) -> None:
        self.own.handle(
            logging.makeLogRecord({"msg": line, "levelno": logging.ERROR, "levelname": "ERROR"})
        )

    # --- lines ------------------------------------------------------------------------------------

    def _line(self, now: float, said: str) -> str:
        total = str(self.pace.total)
        count = f"{self.pace.done:>{len(total)}}/{total}"
        return f"{time.strftime('%H:%M:%S')}  {count}  {self.pace.left(now):<16}  {said}"

    def _watch(self) -> None:
        while not self.closed.wait(SILENCE / 10):
            with self.lock:
                now = time.monotonic()
                if self.pace.running and now - self.last >= self.silence:
                    self._write(self._line(now, self._long(now)))
                    self.silence = min(2 * self.silence, LONGEST_SILENCE)

    def _long(self, now: float) -> str:
        """What the job that has run for longest is at."""
        first, *others = sorted(self.pace.running.values(), key=lambda job: job.began)
        where = where_it_is(first.logs)
        said = f"{first.message}, for {duration(now - first.began)}{where and ': ' + where}"
        return f"{said}; {len(others)} more at work" if others else said


def how_many(jobs: Mapping[str, int]) -> str:
    """Jobs of the rules that have most of them."""
    named = [f"{count} {name}" for name, count in Counter(jobs).most_common(MOST_RULES)]
    rest = sum(jobs.values()) - sum(count for _, count in Counter(jobs).most_common(MOST_RULES))
    others = [f"{rest} of other rules"] if rest else []
    return f"{sum(jobs.values())} jobs: {', '.join([*named, *others])}."


def where_it_is(logs: Iterable[str]) -> str:
    """The last step that the logs of a job tell of, or nothing."""
    for path in map(Path, logs):
        if path.is_file():
            with open(path, "rb") as file:
                file.seek(max(0, path.stat().st_size - TAIL))
                steps = STEP.findall(file.read().decode("utf-8", errors="replace"))
            if steps:
                return steps[-1]
    return ""


def by_rule(jobs: Iterable[tuple[str, list[str]]], order: list[str]) -> str:
    """A table of the jobs that would run, given by rule and reasons: how many of a rule, and why.
    That they follow from others is told of those alone that have no other reason."""
    why: dict[str, Counter] = {name: Counter() for name in order}
    count = Counter()
    for rule, reasons in jobs:
        count[rule] += 1
        own = [reason for reason in reasons if reason != FOLLOWS] or reasons
        why.setdefault(rule, Counter()).update({REASONS.get(reason, reason) for reason in own})
    width = max(map(len, [*why, "total"]))
    rows = [
        f"{rule:<{width}}  {count[rule]:>5}  "
        + ", ".join(
            reason if some == count[rule] else f"{some} {reason}"
            for reason, some in why[rule].most_common()
        )
        for rule in why
    ]
    head = f"{'rule':<{width}}   jobs  why"
    return "\n".join([head, *rows, f"{'total':<{width}}  {count.total():>5}"])


def changed_params(before: Iterable[str], now: Iterable[str]) -> list[str]:
    """What differs where the params of a job are others, which Snakemake gives as Python would
    write them: the settings of the step, a text of JSON; or what else counts, the digest of its
    code and then digests of owners and sources."""
    before, now = ([text.strip("'\"") for text in some] for some in (before, now))
    settings = [text for text in (*before, *now) if text.startswith("{")]
    counted = [
        {text.split(", ", 1)[0]: text for text in some if not text.startswith("{")}
        for some in (before, now)
    ]
    reasons = ["other settings"] if settings else []
    if counted[0].keys() != counted[1].keys():
        reasons.append("other code")
    elif counted[0] != counted[1]:
        reasons.append("other owners or sources")
    return reasons
