"""Profiles: each is read without complaint, and jobs run through an executor that is not this
machine's own."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys

import pytest
import yaml

from harness import REPOSITORY, Clone
from palimpsest.study.submissions import GROUPS

PROFILES = sorted(path.parent for path in REPOSITORY.glob("workflow/profiles/*/profile.yaml"))
CLUSTER = REPOSITORY / "tests" / "fake_cluster"
WIRING = REPOSITORY / "tests" / "workflow" / "wiring.py"


def needs(executor: str) -> None:
    if not importlib.util.find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}"):
        pytest.skip(f"snakemake-executor-plugin-{executor} is not installed")


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
    needs(written["executor"])
    assert written["set-resource-scopes"]["gpu"] == "local"
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
    needs("slurm")
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
    """Every job goes through the submit command, and two that ask for a GPU each are there at once:
    the limit of one is for one machine."""
    needs("cluster-generic")
    state = clone.path("cluster")
    state.mkdir()
    monkeypatch.setenv("FAKE_CLUSTER", str(state))
    profile = with_profile(
        clone,
        "profile",
        {
            "executor": "cluster-generic",
            "cluster-generic-submit-cmd": str(CLUSTER / "submit.sh"),
            "cluster-generic-status-cmd": str(CLUSTER / "status.sh"),
            "jobs": 4,
            "seconds-between-status-checks": 1,
            "set-resource-scopes": yaml.safe_load((PROFILES[0] / "profile.yaml").read_text())[
                "set-resource-scopes"
            ],
            "set-resources": {"slice": {"gpu": 1}},
        },
    )
    slices = [f"results/tiny/seed1/shards/2x1/{shard}/1/r0.json" for shard in (1, 2)]
    # as it is documented: a cluster needs no number of cores
    status = clone.snakemake("--workflow-profile", profile, *slices, cores=None)
    assert status == 0, clone.output
    assert all(clone.path(name).is_file() for name in slices)
    assert re.search(r"^\d\d:\d\d:\d\d  0/3 +Reading the records of tiny$", clone.output, re.M)
    # records, then two slices
    assert [path.read_text() for path in state.glob("job-*/ended")] == ["success\n"] * 3
    assert (state / "running").read_text().split() == ["1", "1", "2"]
