"""Profiles: each is read without complaint, and jobs run through an executor that is not this
machine's own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time

import pytest
import yaml

from harness import REPOSITORY, STUDY, Clone
from palimpsest.study.submissions import GROUPS

PROFILES = sorted(path.parent for path in REPOSITORY.glob("workflow/profiles/*/profile.yaml"))
GENERIC = REPOSITORY / "workflow" / "profiles" / "cluster-generic"
CLUSTER = REPOSITORY / "tests" / "fake_cluster"
WIRING = REPOSITORY / "tests" / "workflow" / "wiring.py"


def needs(profile: dict) -> None:
    """Its plugins. That of Kubernetes is no part of the tests' packages: Snakemake imports each
    plugin that is there, and this one would cost every run here a second."""
    for kind, name in (
        ("executor", profile["executor"]),
        ("storage", profile.get("default-storage-provider")),
    ):
        plugin = f"snakemake-{kind}-plugin-{name}"
        if name and not importlib.util.find_spec(plugin.replace("-", "_")):
            pytest.skip(f"{plugin} is not installed")


@pytest.fixture
def clone(tmp_path):
    return Clone.make(tmp_path / "clone", sharding=["2x1"], ledger=None, requests="latest")


def with_profile(clone: Clone, folder: str, profile: dict) -> str:
    path = clone.path(folder)
    path.mkdir()
    (path / "profile.yaml").write_text(yaml.safe_dump(profile))
    return str(path)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.name)
def test_a_profile_is_read(profile, clone):
    """Snakemake knows every key; one that it does not know ends the run, so that the first half can
    fail."""
    written = yaml.safe_load((profile / "profile.yaml").read_text())
    assert written["set-resource-scopes"]["gpu"] == "local"
    assert written["rerun-incomplete"] is True and written["scheduler"] == "greedy"
    needs(written)
    whole = ("--dry-run", "--printshellcmds")
    status = clone.snakemake(*whole, "--workflow-profile", str(profile), "data")
    assert status == 0, clone.output
    assert (
        f"Using workflow specific profile {profile} for setting default command line arguments."
        in clone.output
    )
    groups = [one.partition("=")[0] for one in written["group-components"]]
    assert groups == list(GROUPS) and "Group job data" in clone.output

    status = clone.snakemake(
        "--dry-run",
        "--workflow-profile",
        with_profile(clone, "misspelt", written | {"jobz": 1}),
        "data",
    )
    assert status != 0 and "jobz" in clone.output


def wired(clone: Clone, *arguments: str) -> list[dict]:
    """The jobs of a dry run, with what each asks for and is submitted with."""
    file = clone.path("graph.json")
    profile = REPOSITORY / "workflow" / "profiles" / "slurm"
    command = [sys.executable, WIRING, file, "--quiet", "all", "--workflow-profile", profile]
    command += ["--configfile", "study.yaml", *arguments]
    subprocess.run(command, cwd=clone.folder, check=True, timeout=300)
    return json.loads(file.read_text())


def test_what_takes_seconds_is_submitted_together(tmp_path):
    """What a Snakemake of 9.27 makes of the groups. No submission waits for itself, however the
    profile cuts a group: none needs one of a later group. A later attempt asks for more."""
    needs({"executor": "slurm"})
    clone = Clone.make(tmp_path / "clone", sharding=["1x1", "2x2"], forget="r1 owner01")
    jobs = wired(clone)
    groups = {job["rule"]: job["group"] for job in jobs}
    assert groups["slice"] == "data" and groups["train"] == "trainings"
    assert groups["measure"] == "numbers" and groups["certificate"] == "certificates"
    # and what reads numbers alone runs where Snakemake runs
    here = {job["rule"] for job in jobs if job["submission"] is None}
    assert {"all", "cost", "tabulate", "figure_tradeoff", "certificate_page"} <= here
    assert all(job["group"] or job["submission"] is None for job in jobs)
    order = {name: number for number, name in enumerate(GROUPS)}
    for job in jobs:
        before = [jobs[number]["group"] for number in job["needs"]]
        if job["group"]:
            assert all(order[one] <= order[job["group"]] for one in before if one), job["rule"]
    most = max(job["of_submission"]["_cores"] for job in jobs if job["group"] == "trainings")
    assert 1 < most <= 4  # side by side

    again = wired(clone, "--attempt", "2")
    asked = [
        [(job["resources"]["mem_mb"], job["resources"]["runtime"]) for job in some if job["group"]]
        for some in (jobs, again)
    ]
    assert sorted(asked[1]) == sorted((2 * memory, 2 * minutes) for memory, minutes in asked[0])


def test_jobs_run_on_a_cluster(clone, monkeypatch):
    """Every job goes through the submit command of the profile, with what it asks for, and two that
    ask for a GPU each are there at once: the limit of one is for one machine."""
    written = yaml.safe_load((GENERIC / "profile.yaml").read_text())
    needs(written)
    state = clone.path("cluster")
    state.mkdir()
    monkeypatch.setenv("FAKE_CLUSTER", str(state))
    monkeypatch.setenv("PATH", os.pathsep.join([str(CLUSTER / "pbs"), os.environ["PATH"]]))
    changes = {"seconds-between-status-checks": 1, "set-resources": {"slice": {"gpu": 1}}}
    del written["group-components"]  # else all three were one submission
    profile = with_profile(clone, "profile", written | changes)
    slices = [f"results/tiny/seed1/shards/2x1/{shard}/1/r0.json" for shard in (1, 2)]
    # as it is documented: a cluster needs no number of cores
    status = clone.snakemake("--workflow-profile", profile, *slices, cores=None)
    assert status == 0, clone.output
    assert all(clone.path(name).is_file() for name in slices)
    assert re.search(r"^\d\d:\d\d:\d\d  0/3 +Reading the records of tiny$", clone.output, re.M)
    # records, then two slices
    assert [path.read_text() for path in state.glob("job-*/ended")] == ["success\n"] * 3
    assert (state / "running").read_text().split() == ["1", "1", "2"]
    gpus = [line.count(":ngpus=1 ") for line in (state / "asked").read_text().splitlines()]
    assert gpus == [0, 1, 1]


# --- killed ---------------------------------------------------------------------------------------

RECORDS = "results/tiny/data/records.parquet"


@pytest.fixture
def state(clone, monkeypatch):
    """The state of a cluster whose queue is closed."""
    needs({"executor": "cluster-generic"})
    state = clone.path("cluster")
    state.mkdir()
    (state / "closed").touch()
    monkeypatch.setenv("FAKE_CLUSTER", str(state))
    return state


@pytest.fixture
def killed(clone, state):
    """A run that was killed while its job waited: its profile, and the job."""
    profile = with_profile(
        clone,
        "profile",
        {
            "executor": "cluster-generic",
            "cluster-generic-submit-cmd": str(CLUSTER / "submit.sh"),
            "cluster-generic-status-cmd": str(CLUSTER / "status.sh"),
            "jobs": 4,
            "rerun-incomplete": True,
            "seconds-between-status-checks": 1,
        },
    )
    process = clone.start(
        "--workflow-profile",
        profile,
        RECORDS,
        cores=None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    marked = clone.path(".snakemake/incomplete")
    until(lambda: any("job-" in one.read_text() for one in marked.glob("*")))
    process.kill()
    process.wait()
    return profile, next(state.glob("job-*"))


def until(holds) -> None:
    end = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def test_a_job_that_outlives_its_run_records_what_it_made(clone, state, killed):
    """So that it is not made again, until a setting changes."""
    _, job = killed
    (state / "closed").unlink()
    until((job / "ended").is_file)
    assert (job / "ended").read_text() == "success\n", (job / "log").read_text()
    assert clone.jobs(RECORDS) == set() and "are gone" not in clone.output
    clone.change_study(data=STUDY["data"] | {"keep": ["town", "note"]})
    assert clone.jobs(RECORDS) == {"records"}


def test_a_job_whose_run_is_replaced_ends_before_it_touches_anything(clone, state, killed):
    """The next run says so, and makes all of it itself; a look at what would run ends nothing."""
    profile, job = killed
    assert clone.jobs(RECORDS) == {"records"}
    process = clone.start(
        "--workflow-profile",
        profile,
        RECORDS,
        cores=None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    until(lambda: len([*state.glob("job-*")]) == 2)
    (state / "closed").unlink()
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert f"names no command that ends jobs: {job.name}." in said
    until((job / "ended").is_file)
    assert (job / "ended").read_text() == "failed\n"
    assert "nothing is done" in (job / "log").read_text()
    assert clone.jobs(RECORDS) == set()
