"""What every test here may count on: tables and figures have been told of all methods, and there
is a secret."""

from __future__ import annotations

import pytest
from stepping import SECRET, SHOWN

from palimpsest.data.secret import VARIABLE
from palimpsest.report.shown import tell


@pytest.fixture(autouse=True)
def told():
    tell(SHOWN)


@pytest.fixture(autouse=True, scope="module")
def secret():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, SECRET)
        yield


@pytest.fixture
def few_are_enough(monkeypatch):
    """For sets so small that their membership would not be defined."""
    for track in ("causal.numbers", "classification.membership"):
        monkeypatch.setattr(f"palimpsest.tracks.{track}.can_tell", lambda *counts: True)
