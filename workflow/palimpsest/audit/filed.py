"""Certificates as they are filed: each is sealed, fits its schema, and holds the seal of the one
before it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, ValidationError

from palimpsest.data.secret import mark_of
from palimpsest.engine.sealed import read_sealed, seal_of, write_sealed
from palimpsest.errors import Problem, UserError
from palimpsest.study import paths
from palimpsest.study.plan import Plan

SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "certificate.schema.yaml"
RESTORE = "restore it from a backup; without one, "
WRITTEN_AGAIN = "run snakemake, which writes it again, of the present state"
REMEDY = f"{RESTORE}remove it and {WRITTEN_AGAIN}"
REMEDY_OF_MISSING = f"{RESTORE}{WRITTEN_AGAIN}"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))


def checked(certificate: dict) -> dict:
    _schema().validate(certificate)
    return certificate


def write_certificate(path: Path, certificate: dict) -> None:
    write_sealed(path, checked(certificate), mark_of)


def read_certificate(path: Path) -> dict:
    """A certificate whose seal is whole, which was written with the present secret and fits its
    schema; else a UserError."""
    filed = read_sealed(path, REMEDY if path.is_file() else REMEDY_OF_MISSING, mark_of)
    try:
        return checked(filed)
    except ValidationError as error:
        what, found = "is no certificate as this version writes it", error.message[:200]
        raise UserError(Problem(what, str(path), found, remedy=REMEDY)) from None


def link_to(plan: Plan, request: str) -> dict | None:
    """What a certificate says of the one before it: its request and its seal; None for the
    first."""
    place = plan.order[request] - 1
    if place == 0:
        return None
    earlier = plan.names[place]
    filed = read_certificate(plan.path(paths.CERTIFICATE, request=earlier))
    return {"request": earlier, "digest": seal_of(filed)}


def signature_of(certificate: Path) -> Path:
    """Where the signature of a certificate lies, as ssh-keygen calls it."""
    return certificate.with_name(f"{certificate.name}.sig")
