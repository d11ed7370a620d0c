"""How audit and purge are told which study they are about."""

from __future__ import annotations

import argparse

import pytest

from palimpsest.audit.arguments import add_study, plan_of, values
from palimpsest.errors import UserError


def plan(*argv: str):
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", default={})
    add_study(parser)
    return plan_of(parser.parse_args(argv))[0]


def test_values_are_those_that_snakemake_would_read():
    """A number, a truth value, nothing, and all else as text: a date or a null of YAML would be
    another salt."""
    given = values(
        ["mirror=../data", "requests=latest", "seeds=7", "salt=", "study=a=b", "ledger=2024-01-01"]
    )
    assert given == {
        "mirror": "../data",
        "requests": "latest",
        "seeds": 7,
        "salt": None,
        "study": "a=b",
        "ledger": "2024-01-01",
    }
    assert values([]) == {}
    for wrong in ("mirror", "=x", "7=x"):
        with pytest.raises(UserError, match="not a key and its value"):
            values([wrong])


def test_a_run_with_a_mirror_has_the_ledger_of_the_mirror(tmp_path):
    """HateXplain's posts have other ids there, so that the requests name other owners."""
    official, mirrored = (
        plan("--study", "hatexplain"),
        plan("--study", "hatexplain", "--config", f"mirror={tmp_path}"),
    )
    assert official.names == mirrored.names
    assert official.requests[0].owners != mirrored.requests[0].owners
    assert plan("--config", "study=hatexplain", f"mirror={tmp_path}").requests == mirrored.requests
