"""One study that ran to its end, made once; each test gets a copy of it."""

from __future__ import annotations

import pytest

from harness import Clone, owner_in


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Clone:
    """A whole study after one request, which touched slice 1 of shard 1 of '3x2'."""
    clone = Clone.make(tmp_path_factory.mktemp("finished") / "clone", forget=f"r1 {owner_in('3x2', 1, 1)}")
    clone.done = clone.run()
    return clone


@pytest.fixture
def fresh(tmp_path) -> Clone:
    """A study that never ran."""
    return Clone.make(tmp_path / "fresh")


@pytest.fixture
def clone(finished, tmp_path) -> Clone:
    return finished.copy(tmp_path / "clone")
