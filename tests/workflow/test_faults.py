"""What happens to runs: jobs and Snakemake killed, files damaged, a full disk, a closed folder, two
runs at once, a lost memory."""

from __future__ import annotations

import base64
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import time

import psutil
import pytest

from faults import (
    LAST,
    SMALL,
    TEACHERS,
    UPDATES,
    Finished,
    flipped,
    goes_on_after,
    in_training,
    kept,
    nothing_runs,
    obey_permissions,
    said_by_last,
    warm_process,
    without_last_model,
)
from harness import MARK, TOKENIZER, Clone


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Finished:
    clone = Finished.make(tmp_path_factory.mktemp("whole") / "clone", **SMALL)
    began = time.monotonic()
    clone.run()
    clone.seconds = time.monotonic() - began
    clone.files = kept(clone)
    clone.commands = [
        shlex.split(line)[3:]
        for line in re.findall(r"python -m palimpsest .*(?= > )", clone.output)
    ]
    return clone


@pytest.fixture
def clone(whole, tmp_path) -> Clone:
    return whole.copy(tmp_path / "clone")


# --- killed ---------------------------------------------------------------------------------------


def test_a_training_that_is_killed_goes_on_from_there(whole, clone):
    """Twice, after a random update each; a plain run resumes and ends in the bytes of the
    undisturbed one."""
    without_last_model(clone)
    draw, killed_after = random.Random(4), 0
    for _ in range(2):
        started = clone.start("teachers", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        killed_after += draw.randrange(5, UPDATES // 3)
        in_training(started, clone, killed_after).kill()
        assert started.wait(timeout=600) != 0 and nothing_runs(clone)
        assert list(clone.path(f"{LAST}/resume").iterdir()), (
            "Snakemake left the states of the training alone"
        )
    assert clone.snakemake("teachers") == 0, clone.output
    assert killed_after <= goes_on_after(clone) < UPDATES
    assert kept(clone) == whole.files


@pytest.mark.parametrize("times", [4, pytest.param(10, marks=pytest.mark.slow)])
def test_snakemake_is_killed_again_and_again(times, whole, clone):
    """At random moments, by turns with all its jobs and alone. Nothing has to be typed: the next
    run goes on, to the same bytes."""
    for name in ("results", ".snakemake"):
        shutil.rmtree(clone.path(name))
    draw, killed = random.Random(6), 0
    while killed < times:
        started = clone.start(
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            assert started.wait(timeout=draw.uniform(0.1, 0.4) * whole.seconds) == 0
        except subprocess.TimeoutExpired:
            (os.kill if killed % 2 else os.killpg)(started.pid, signal.SIGKILL)
            started.wait()
            killed += 1
            assert nothing_runs(clone)
        else:  # it came to its end: from the beginning
            assert kept(clone) == whole.files
            shutil.rmtree(clone.path("results"))
    assert clone.snakemake() == 0, clone.output
    assert kept(clone) == whole.files
    assert not list(clone.path(".snakemake/runs").iterdir())


def test_what_a_killed_run_was_about_to_finish_is_made_again_unasked(clone):
    """Killed between a job's last file and Snakemake's note of it: without the default profile it
    wants --rerun-incomplete."""
    marker = base64.urlsafe_b64encode(f"{LAST}/model.safetensors".encode()).decode()
    clone.path(f".snakemake/incomplete/{marker}").write_text('{"external_jobid": null}')
    assert "train/seed1/teachers/1x2/1/2/r0" in clone.jobs()
    assert (
        clone.snakemake("--dry-run", "--workflow-profile", "none") != 0
        and "--rerun-incomplete" in clone.output
    )


def test_jobs_end_with_the_run_that_started_them(clone):
    """Else they would write what the next run writes as well. It says what it found, and goes on
    where they were."""
    started = without_last_model(clone).start(
        "teachers", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    job = in_training(started, clone, 3)
    job.suspend()
    started.kill()
    started.wait()
    assert job.is_running()
    job.resume()
    job.wait(timeout=60)
    assert "The snakemake that started this job is gone" in said_by_last(clone)
    assert clone.snakemake("teachers") == 0, clone.output
    assert (
        f"An earlier run in this folder was killed: {started.pid}@" in clone.output
        and goes_on_after(clone) >= 3
    )


@pytest.mark.parametrize("warm", ["1", "0"])
def test_ctrl_c_ends_all_of_it(warm, whole, clone, monkeypatch):
    """The terminal sends it to Snakemake and its jobs; each ends, and the next run goes on."""
    monkeypatch.setenv("PALIMPSEST_WARM", warm)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    started = without_last_model(clone).start(
        "teachers", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **quiet
    )
    in_training(started, clone, 10)
    os.killpg(started.pid, signal.SIGINT)
    assert started.wait(timeout=600) != 0 and nothing_runs(clone)
    said = said_by_last(clone)
    assert "palimpsest train: interrupted" in said and "Traceback" not in said
    assert clone.snakemake("teachers") == 0 and goes_on_after(clone) >= 10, clone.output
    assert kept(clone) == whole.files


def test_without_its_warm_process_a_run_goes_on(whole, clone):
    """Killed while it trains: the training ends as it would have, what comes after it starts
    cold."""
    shutil.rmtree(clone.path("results"))
    started = clone.start(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    in_training(started, clone, 10)
    warm_process(started).kill()
    clone.output, _ = started.communicate(timeout=600)
    assert started.returncode == 0 and nothing_runs(clone), clone.output
    assert "train, started warm with " in said_by_last(clone)
    assert (
        "decide took" in clone.path("results/tiny/logs/decide/seed1/sisa_vote/r0.log").read_text()
    )
    assert kept(clone) == whole.files


def test_a_run_may_do_without(whole, clone, monkeypatch):
    monkeypatch.setenv("PALIMPSEST_WARM", "0")
    started = without_last_model(clone).start(
        "teachers", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    in_training(started, clone, 10)
    assert not [
        one
        for one in psutil.Process(started.pid).children()
        if "palimpsest.engine.warm" in one.cmdline()
    ]
    started.communicate(timeout=600)
    assert "train took" in said_by_last(clone) and kept(clone) == whole.files


def test_sigterm_leaves_nothing_half_written(whole, clone):
    """To a job, to Snakemake alone (which lets its jobs end), and to all of them, as a machine that
    shuts down does."""
    without_last_model(clone)
    for update, stop in ((10, "job"), (40, "all"), (70, "snakemake")):
        started = clone.start(
            "teachers", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        job = in_training(started, clone, update)
        if stop == "all":
            os.killpg(started.pid, signal.SIGTERM)
        else:
            {"job": job, "snakemake": started}[stop].terminate()
        assert started.wait(timeout=600) != 0 and nothing_runs(clone)
        there = {name: digest for name, digest in kept(clone).items() if "/resume/" not in name}
        assert there.items() <= whole.files.items(), (
            f"what is there after SIGTERM to {stop} is whole"
        )
    assert clone.snakemake("teachers") == 0, clone.output
    assert kept(clone) == whole.files


def test_a_state_counts_for_the_very_same_training_alone(whole, clone, monkeypatch):
    """Other code, packages, settings, slices or start: what a killed training left is of no use to
    this one."""
    from palimpsest.engine.cli import main
    from palimpsest.errors import UserError
    from palimpsest.steps import train as step
    from palimpsest.training import report

    def fingerprint(argv: list[str]) -> str:
        found = []

        def stop(*arguments):
            found.append(arguments[-1])
            raise UserError([])

        monkeypatch.setattr(step, "train", stop)
        assert main(argv) == 1
        return found[0]

    monkeypatch.chdir(clone.folder)
    second, first = [command for command in whole.commands if command[0] == "train"][::-1]
    assert "--previous" in second and "--previous" not in first
    seen = [fingerprint(second)]
    assert seen == [fingerprint(second)]
    at = second.index("--previous")
    seen.append(fingerprint(second[:at] + ["--previous", LAST] + second[at + 2 :]))
    seen.append(fingerprint([word.replace('"stage": 2', '"stage": 1') for word in second]))
    seen.append(fingerprint([word for word in second if not word.endswith("1x2/1/1/r0.parquet")]))
    at = second.index("--code")
    seen.append(fingerprint([*second[: at + 1], "other", *second[at + 2 :]]))
    with monkeypatch.context() as other:
        other.setattr(report, "version", lambda package: "other")
        seen.append(fingerprint(second))
    assert len(set(seen)) == 6


# --- damaged --------------------------------------------------------------------------------------

DAMAGED = {
    "train": [
        f"{TEACHERS}/1/r0/model.safetensors", f"{TEACHERS}/1/r0/tokenizer.json",
        f"{TEACHERS}/1/r0/config.json", f"{TEACHERS}/1/r0/training.json",
        "results/tiny/seed1/shards/1x2/1/2/r0.parquet", "results/tiny/seed1/shards/1x2/1/2/r0.json",
    ],
    "slice": ["results/tiny/data/records.parquet"],
    "score": [f"{LAST}/model.safetensors", "results/tiny/sets/heldout.parquet"],
    "decide": [
        "results/tiny/seed1/scores/teachers-1x2/r0/heldout.parquet",
        "results/tiny/data/index.parquet",
    ],
    "measure": ["results/tiny/seed1/decisions/sisa_vote/r0.parquet"],
    "tabulate": ["results/tiny/seed1/metrics/sisa_vote/r0.parquet"],
}  # fmt: skip

# a digest that is flipped damns what it is of
DIGESTS = (f"{TEACHERS}/1/r0/training.json", "results/tiny/seed1/shards/1x2/1/2/r0.json")


@pytest.mark.parametrize("step", DAMAGED)
def test_what_is_damaged_is_named_before_it_is_used(step, whole, clone, monkeypatch, capsys):
    """A flipped bit, the first half alone, nothing at all: the file and the remedy are told, and no
    output is touched."""
    from palimpsest.engine.cli import main

    monkeypatch.chdir(clone.folder)
    argv, draw = (
        next(command for command in reversed(whole.commands) if command[0] == step),
        random.Random(8),
    )
    for name in DAMAGED[step]:
        path = clone.path(name)
        good = path.read_bytes()
        for bad in (flipped(good, draw), good[: len(good) // 2], b"")[name in DIGESTS :]:
            path.write_bytes(bad)
            assert main(argv[:]) == 1
            said = capsys.readouterr().err
            assert (
                f"{name}: " in said
                and "damaged" in said
                and "remove the file and run snakemake again" in said
                and MARK not in said
            )
        path.write_bytes(good)
        assert kept(clone) == whole.files


def test_following_the_remedy_for_a_damaged_model_brings_all_back(whole, clone):
    """Through Snakemake: its message holds the step's, and nothing else is to be done than what
    that says."""
    without_last_model(clone)
    model = clone.path(f"{TEACHERS}/1/r0/model.safetensors")
    model.write_bytes(flipped(model.read_bytes(), random.Random(9)))
    assert clone.snakemake("teachers") != 0
    assert (
        f"{TEACHERS}/1/r0/model.safetensors: the file is damaged" in clone.output
        and "Traceback" not in clone.output
    )
    model.unlink()
    assert clone.snakemake("teachers") == 0, clone.output
    assert kept(clone) == whole.files and clone.jobs() == set()


@pytest.mark.parametrize(
    "name", ["results/tiny/data/records.json", f"results/pretrained/{TOKENIZER}/corpus.json"]
)
def test_a_broken_report_is_named_while_the_graph_is_built(name, clone):
    clone.path(name).write_text('{"sources": ')
    assert clone.snakemake("--dry-run") != 0
    assert (
        f"{name}: is damaged" in clone.output
        and "remove the file" in clone.output
        and "Traceback" not in clone.output
    )
    clone.path(name).unlink()
    assert clone.snakemake("--dry-run") == 0, clone.output


# --- refused by the system ------------------------------------------------------------------------


def test_a_disk_that_is_full_while_a_model_is_written(whole, clone):
    """write(2) fails beyond 150,000 bytes, which of all files the model alone has: named, with what
    the system says; then all is well."""
    without_last_model(clone).change_study(
        training=SMALL["training"] | {"checkpoint_seconds": 3600}
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    started = clone.start(
        "teachers",
        "--printshellcmds",
        preexec_fn=limit,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = started.communicate(timeout=600)
    assert started.returncode != 0
    assert (
        f"{LAST}/resume/step11: the system refused" in said
        and "File too large" in said
        and "ulimit" in said
    )
    assert "Traceback" not in said
    assert not [path for path in clone.path(LAST).rglob("*") if path.is_file()]
    assert clone.snakemake("teachers") == 0, clone.output
    assert kept(clone) == whole.files


@pytest.mark.parametrize(
    "closed",
    ["results", ".snakemake", "results/tiny/seed1/teachers/1x2/1/2", "results/tiny/logs/train"],
)
def test_a_folder_that_cannot_be_written_to(closed, whole, clone):
    without_last_model(clone)
    folders = [
        path for path in (clone.path(closed), *clone.path(closed).rglob("*")) if path.is_dir()
    ]
    for folder in folders:
        folder.chmod(0o555)
    try:
        started = clone.start(
            "teachers",
            preexec_fn=obey_permissions,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except subprocess.SubprocessError:
        pytest.skip("this user can neither be kept from writing nor made another")
    said, _ = started.communicate(timeout=600)
    for folder in folders:
        folder.chmod(0o755)
    assert started.returncode != 0
    assert f"{closed}: the folder cannot be written to" in said and "chmod" in said
    assert "Traceback" not in said and "PermissionError" not in said
    assert kept(clone).items() <= whole.files.items()


# --- runs and their memory ------------------------------------------------------------------------


def test_two_runs_at_once(whole, clone):
    """The second says who is there and what to do, and stops; the first goes on to its end."""
    first = without_last_model(clone).start(
        "teachers", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    job = in_training(first, clone, 3)
    job.suspend()
    try:
        assert clone.snakemake("teachers") != 0
    finally:
        job.resume()
    assert f"Another run is at work in this folder: {first.pid}@" in clone.output
    assert (
        "Directory cannot be locked" in clone.output
        and "--unlock" in clone.output
        and "Traceback" not in clone.output
    )
    assert first.wait(timeout=600) == 0
    assert kept(clone) == whole.files


def test_without_its_memory_snakemake_adopts_and_says_so(clone):
    """Nothing is made again; a changed setting would go unnoticed, until the command that the
    message names has been run."""
    shutil.rmtree(clone.path(".snakemake"))
    assert clone.jobs() == set()
    assert (
        "taken as they are" in clone.output
        and "snakemake --cores 1 --touch --forceall" in clone.output
    )
    before = kept(clone)
    assert clone.snakemake("--touch", "--forceall", cores=1) == 0, clone.output
    assert clone.jobs() == set() and "taken as they are" not in clone.output
    assert kept(clone) == before
    clone.change_study(training=SMALL["training"] | {"learning_rate": 0.002})
    assert {
        "train/seed1/teachers/1x2/1/1/r0",
        "train/seed1/teachers/1x2/1/2/r0",
        "tabulate",
    } <= clone.jobs()
