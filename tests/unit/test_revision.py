"""Certificates that are revised: what changes, what follows from it, and what stays as it was."""

from __future__ import annotations

import os
from contextlib import chdir
from pathlib import Path

import pytest
from filing import verified
from jsonschema import ValidationError
from served import REQUESTS, Served
from stepping import DESCRIBED, call

from palimpsest.audit.filed import read_certificate
from palimpsest.audit.revision import revise
from palimpsest.engine.sealed import seal_of

R1, R2 = (Path(f"results/s/certificates/{name}.json") for name in ("r1", "r2"))
OLD = 1_000_000_000
VERIFIED = verified(True)


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    """With both certificates and their pages, all from the year 2001."""
    served = Served.laid(tmp_path_factory.mktemp("laid"))
    with chdir(served.home):
        for request in REQUESTS:
            served.certificate(request.name, request.name)
            path = Path(f"results/s/certificates/{request.name}")
            options = ("--certificate", f"{path}.json", "--output", f"{path}.html")
            call("page", *options, methods={}, metrics=DESCRIBED)
            for suffix in ("json", "html"):
                os.utime(f"{path}.{suffix}", (OLD, OLD))
    return served


@pytest.fixture
def served(laid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return laid.copy()


def test_a_change_is_sealed_linked_and_shown(served):
    """r2 only names the seal of r1 anew; no file looks newer than it was."""
    before = read_certificate(R1), read_certificate(R2)
    revise(served.plan, {"r1": {"verified": VERIFIED}})
    first, second = read_certificate(R1), read_certificate(R2)
    assert first == before[0] | {"verified": VERIFIED, "revised": first["revised"]}
    link = {"request": "r1", "digest": seal_of(first)}
    assert second == before[1] | {"before": link, "revised": second["revised"]}
    assert first["revised"] and second["revised"] and link != before[1]["before"]
    assert "2026-04-04" in R1.with_suffix(".html").read_text()
    assert seal_of(second) in R2.with_suffix(".html").read_text()
    for path in R1.parent.iterdir():
        assert path.stat().st_mtime == OLD, path


def test_what_does_not_change_is_not_revised(served):
    before = R1.read_bytes(), R2.read_bytes()
    revise(served.plan, {"r1": {"verified": None}})
    assert (R1.read_bytes(), R2.read_bytes()) == before
    revise(served.plan, {"r2": {"verified": VERIFIED}})
    assert R1.read_bytes() == before[0] and R2.read_bytes() != before[1]


def test_a_request_that_was_not_served_yet_has_nothing_to_revise(served):
    R2.unlink()
    revise(served.plan, {"r1": {"verified": VERIFIED}})
    assert read_certificate(R1)["verified"] == VERIFIED and not R2.exists()


def test_a_change_that_fits_no_certificate_is_not_written(served):
    before = R1.read_bytes(), R2.read_bytes()
    with pytest.raises(ValidationError):
        revise(served.plan, {"r1": {"verified": "yes"}})
    assert (R1.read_bytes(), R2.read_bytes()) == before
