"""Profiles: each is read without complaint, and jobs run through an executor that is not this
machine's own."""

from __future__ import annotations

import importlib.util
import re

import pytest
import yaml

from harness import REPOSITORY, Clone

PROFILES = sorted(path.parent for path in REPOSITORY.glob("workflow/profiles/*/profile.yaml"))
CLUSTER = REPOSITORY / "tests" / "fake_cluster"


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
    assert written["set-resource-scopes"] == {"gpu": "local"}
    whole = ("--dry-run", "--printshellcmds")
    status = clone.snakemake(*whole, "--workflow-profile", str(profile), "data")
    assert status == 0, clone.output
    assert (
        f"Using workflow specific profile {profile} for setting default command line arguments."
        in clone.output
    )
    assert "slice=slices" in written["groups"] and "Group job slices" in clone.output

    status = clone.snakemake(
        "--dry-run",
        "--workflow-profile",
        with_profile(clone, "misspelt", written | {"jobz": 1}),
        "data",
    )
    assert status != 0 and "jobz" in clone.output


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
