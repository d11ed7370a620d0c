"""What every test here may count on: tables and figures have been told of all methods."""

from __future__ import annotations

import pytest
from stepping import SHOWN

from palimpsest.methods.shown import tell


@pytest.fixture(autouse=True)
def told():
    tell(SHOWN)
