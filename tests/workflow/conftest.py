"""One study that ran to its end, made once; each test gets a copy of it."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from harness import Clone, owner_in


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Clone:
    """A whole study after one request, which touched slice 1 of shard 1 of '3x2'. The first worker
    that wants it makes it for all."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "finished"
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clone, jobs = Clone(folder), Path(f"{folder}.json")
        if not jobs.exists():
            clone = Clone.make(folder, forget=f"r1 {owner_in('3x2', 1, 1)}")
            jobs.write_text(json.dumps(sorted(clone.run())))
    clone.done = set(json.loads(jobs.read_text()))
    return clone


@pytest.fixture
def fresh(tmp_path) -> Clone:
    """A study that never ran."""
    return Clone.make(tmp_path / "fresh")


@pytest.fixture
def clone(finished, tmp_path) -> Clone:
    return finished.copy(tmp_path / "clone")
