"""Evidence of requests: what their owners had in the data. It decides what an audit looks for, so
it is sealed, and marked with the secret."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.secret import mark_of
from palimpsest.engine.sealed import read_sealed, write_sealed

REMEDY = (
    "restore it from a backup; without one, remove it and run snakemake: it is taken anew from "
    "what the data still hold"
)


def write_evidence(path: Path, evidence: dict) -> None:
    """evidence: `request`, `owners` and those of them that had training records, `trained`, as
    pseudonyms; `secret`, which one; `records`, how many of each split."""
    write_sealed(path, evidence, mark_of)


def read_evidence(path: Path) -> dict:
    return read_sealed(path, REMEDY, mark_of)
