"""The documented command on a real Slurm: the same bytes as on one machine, and what befalls jobs
and runs there.

One short test for every day; the others take minutes each: `pytest -m slow`.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import time
from copy import deepcopy

import pytest

import slurm
import studies
from faults import SMALL, kept
from harness import Clone
from slurm import Slurm

pytestmark = pytest.mark.skipif(
    bool(slurm.missing()),
    reason=f"no Slurm: {', '.join(slurm.missing())} missing, as of the packages slurmctld slurmd "
    "slurm-client munge",
)
PROFILE = ("--workflow-profile", "workflow/profiles/slurm")
# The plugin first asks after 40 s, which is as long as all the jobs of a test take.
QUICK = ("--slurm-init-seconds-before-status-checks", "3")
# Two teachers, one of which fits on the node at a time. Each is trained for some seconds, and saves
# its state now and then: long enough to be met at it.
TWO = SMALL | {
    "sharding": ["2x1"],
    "training": {"epochs": 200, "learning_rate": 0.001, "checkpoint_seconds": 0.5},
}
ONE_AT_A_TIME = ("--set-resources", "train:mem_mb=13000")
LEARNT = "results/tiny/seed1/teachers/2x1/{shard}/1/r0"
CAUSAL = deepcopy(studies.CAUSAL) | {
    "sharding": ["1x1"],
    "training": studies.CAUSAL["training"] | {"epochs": 2},
    "methods": ["base", "oracle", "gradient_ascent"],
    "options": {},
    "figures": {"formats": ["png"], "dpi": 40},
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Slurm(tmp_path_factory.mktemp("slurm") / "slurm", memory=24_000) as cluster:
        yield cluster


@pytest.fixture
def run(cluster):
    """Run the documented command in a clone; -> its exit status, the jobs that Slurm had of it."""

    def run(clone: Clone, *arguments: str, **options) -> tuple[int, list[dict[str, str]]]:
        before = {job["JobId"] for job in cluster.jobs()}
        status = clone.snakemake(
            *PROFILE, *QUICK, *arguments, cores=None, variables=cluster.variables, **options
        )
        return status, [job for job in cluster.jobs() if job["JobId"] not in before]

    return run


@pytest.fixture
def start(cluster):
    """The same, not waited for, told to a file; it and its jobs end with the test."""
    started = []

    def start(clone: Clone, *arguments: str, host: str = "") -> subprocess.Popen:
        with open(clone.path("said"), "w") as said:
            process = clone.start(
                *PROFILE,
                *QUICK,
                *arguments,
                cores=None,
                variables=cluster.variables,
                stdout=said,
                stderr=subprocess.STDOUT,
                preexec_fn=(lambda: on_host(host)) if host else None,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    if cluster.queue():
        cluster.ask("scancel", *cluster.queue())


def on_host(name: str) -> None:
    """Put this process on a host of its own, by name (CLONE_NEWUTS)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x04000000) or libc.sethostname(name.encode(), len(name)):
        raise OSError(ctypes.get_errno(), "no host of its own")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Clone:
    """All of it by a local run, and what it left."""
    clone = Clone.make(tmp_path_factory.mktemp("whole") / "clone", **TWO)
    assert clone.snakemake() == 0, clone.output
    clone.files = kept(clone)
    return clone


@pytest.fixture
def clone(whole, tmp_path) -> Clone:
    """Without the models of the teachers: `teachers` has two jobs."""
    clone = whole.copy(tmp_path / "clone")
    shutil.rmtree(clone.path("results/tiny/seed1/teachers"))
    return clone


def until(holds, process: subprocess.Popen | None = None, seconds: float = 600):
    """What ``holds`` gives once it is true, while ``process`` runs."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it took too long"
        assert process is None or process.poll() is None, "the run ended before"
        time.sleep(0.2)
    return found


def training(cluster: Slurm, clone: Clone) -> tuple[str, str] | None:
    """The ids of two jobs: one that trains, and has saved a state, and one that waits."""
    states = [*clone.path("results/tiny/seed1/teachers").rglob("resume/step*")]
    if not states:
        return None
    queue = {state: number for number, state in cluster.queue().items()}
    both = queue.get("RUNNING"), queue.get("PENDING")
    return both if all(both) else None


def of_training(jobs: list[dict[str, str]]) -> list[dict[str, str]]:
    return [job for job in jobs if "rule_train" in job["Comment"]]


def test_a_part_of_a_study_runs_on_slurm(run, cluster, tmp_path):
    """As documented, without a number of cores: short jobs share a submission, which has as many
    processors as run at once, and the time of all that follow one another."""
    clone = Clone.make(tmp_path / "clone", **TWO)
    slices = [f"results/tiny/seed1/shards/2x1/{shard}/1/r0.json" for shard in (1, 2)]
    status, jobs = run(clone, *slices, "--set-threads", "records=4")
    assert status == 0, clone.output
    assert all(clone.path(name).is_file() for name in slices)
    assert "Executor slurm." in clone.output
    (all_of_it,) = jobs
    assert all_of_it["JobState"] == "COMPLETED" and all_of_it["NumCPUs"] == "4"
    assert all_of_it["TimeLimit"] == "00:06:00"  # three minutes for the records, and for slices
    assert clone.jobs(*slices) == set()


@pytest.mark.slow
@pytest.mark.parametrize("track", ["classification", "causal"])
def test_a_study_of_each_track_gives_the_bytes_of_one_machine(track, run, whole, tmp_path):
    """Reports of data hold the dates of the sources, so both have the very same."""
    local = whole
    if track == "causal":
        local = Clone.make(tmp_path / "local", forget="r1 p0003", **CAUSAL)
        assert local.snakemake() == 0, local.output
    clone = local.copy(tmp_path / "clone")
    for name in ("results", ".snakemake"):
        shutil.rmtree(clone.path(name))
    status, jobs = run(clone)
    assert status == 0, clone.output
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert kept(clone) == kept(local) and clone.jobs() == set()


@pytest.mark.slow
def test_a_job_that_is_cancelled_is_tried_again(start, cluster, whole, clone):
    """It goes on from its last state, to the same bytes."""
    process = start(clone, "teachers", *ONE_AT_A_TIME)
    running, _ = until(lambda: training(cluster, clone), process)
    cluster.ask("scancel", running)
    assert process.wait(timeout=1200) == 0
    states = [job["JobState"] for job in of_training(cluster.jobs())[-3:]]
    assert sorted(states) == ["CANCELLED", "COMPLETED", "COMPLETED"]
    assert "SLURM status is: 'CANCELLED'" in clone.path("said").read_text()
    logs = clone.path("results/tiny/logs/train").rglob("*.log")
    assert any("training goes on after update" in log.read_text() for log in logs)
    assert kept(clone) == whole.files


@pytest.mark.slow
def test_a_job_that_ran_out_of_memory_gets_more(run, whole, clone):
    """Killed by Slurm at first, with the reason told. What the command line asks for may grow by
    attempt as what the rule asks for does: memory and time."""
    one = LEARNT.format(shard=1) + "/model.safetensors"
    grown = ("train:mem_mb=300 + 2000 * (attempt - 1)", "train:runtime=60 * attempt")
    status, jobs = run(clone, one, "--set-resources", *grown)
    assert status == 0, clone.output
    assert [(job["JobState"], job["MinMemoryNode"]) for job in jobs][-1] == ("COMPLETED", "2300M")
    assert jobs[0]["JobState"] in ("FAILED", "OUT_OF_MEMORY")
    assert jobs[0]["MinMemoryNode"] == "300M"
    assert [job["TimeLimit"] for job in jobs][:2] == ["01:00:00", "02:00:00"]
    assert re.search(r"Failed: .*SLURM status is: '(FAILED|OUT_OF_MEMORY)'", clone.output)
    assert kept(clone)[one] == whole.files[one]


@pytest.mark.slow
def test_a_job_that_fails_for_good_names_its_logs(run, clone):
    """Out of memory at each attempt: why Slurm ended it, and where it says so."""
    one = LEARNT.format(shard=1) + "/model.safetensors"
    status, jobs = run(clone, one, "--retries", "1", "--set-resources", "train:mem_mb=300")
    assert status != 0 and len(jobs) == 2
    assert len(clone.output.splitlines()) < 60
    assert re.search(r"slurm_logs/rule_train/\S+\.log ends with:\n.*(memory|oom)", clone.output)
    assert "Reason: Unknown" not in clone.output and "Traceback" not in clone.output


@pytest.mark.slow
def test_an_error_of_the_user_is_not_tried_again(run, clone):
    """A slice is damaged at each attempt. What the step says of it comes to the screen."""
    one = "results/tiny/seed1/shards/2x1/1/1/r0.parquet"
    clone.path(one).write_bytes(b"")
    status, jobs = run(clone, LEARNT.format(shard=1) + "/model.safetensors")
    assert status != 0 and len(jobs) == 1
    assert f"{one}: the table is damaged" in clone.output


@pytest.mark.slow
def test_a_run_that_is_killed_is_taken_over(start, run, cluster, whole, clone):
    """With one job that trains and one that waits: the next run ends both first, then goes on.
    Nothing is trained twice at once, and nothing half-written is taken for whole."""
    process = start(clone, "teachers", *ONE_AT_A_TIME)
    left = until(lambda: training(cluster, clone), process)
    process.kill()
    process.wait()
    status, jobs = run(clone, "teachers", *ONE_AT_A_TIME)
    assert status == 0, clone.output
    said = re.search(
        rf"Ended what {process.pid}@\S+ left in the queue of Slurm: (.*)\.", clone.output
    )
    assert set(said[1].split(", ")) == set(left)
    ended = [cluster.job(number) for number in left]
    assert {job["JobState"] for job in ended} == {"CANCELLED"}
    assert max(job["EndTime"] for job in ended) <= min(job["SubmitTime"] for job in jobs)
    assert kept(clone) == whole.files and clone.jobs("teachers") == set()
    assert not list(clone.path(".snakemake/runs").iterdir())


@pytest.mark.slow
def test_a_run_that_was_killed_on_another_host(start, run, cluster, whole, clone):
    """It is not seen from here that it has ended: `--unlock` says so, once."""
    try:
        process = start(clone, "teachers", *ONE_AT_A_TIME, host="elsewhere")
    except subprocess.SubprocessError:
        pytest.skip("this user may not name a host")
    left = until(lambda: training(cluster, clone), process)
    process.kill()
    process.wait()
    status, jobs = run(clone, "teachers")
    assert status != 0 and not jobs and "Directory cannot be locked" in clone.output
    assert f"{process.pid}@elsewhere" in clone.output and "--unlock" in clone.output
    assert len(cluster.queue()) == 2
    assert clone.snakemake("--unlock") == 0, clone.output
    status, jobs = run(clone, "teachers")
    assert status == 0, clone.output
    assert f"Ended what {process.pid}@elsewhere left" in clone.output
    assert {cluster.job(number)["JobState"] for number in left} == {"CANCELLED"}
    assert kept(clone) == whole.files
    assert clone.jobs("teachers") == set() and "elsewhere" not in clone.output


@pytest.mark.slow
def test_what_ends_after_its_run_was_killed_is_known(start, cluster, whole, clone):
    """It is whole, and has a record: nothing is to be done, until a setting changes."""
    one = LEARNT.format(shard=1)
    process = start(clone, f"{one}/model.safetensors")
    (job,) = until(lambda: [*cluster.queue()], process)
    until(lambda: cluster.queue().get(job) == "RUNNING", process)
    process.kill()
    process.wait()
    until(lambda: not cluster.queue())
    assert cluster.job(job)["JobState"] == "COMPLETED"
    assert clone.jobs(f"{one}/model.safetensors") == set()
    assert kept(clone)[f"{one}/model.safetensors"] == whole.files[f"{one}/model.safetensors"]
    clone.change_study(training=TWO["training"] | {"learning_rate": 0.002})
    assert clone.jobs(f"{one}/model.safetensors") == {"train/seed1/teachers/2x1/1/1/r0"}
