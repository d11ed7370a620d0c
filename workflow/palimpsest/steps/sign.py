"""A certificate -> its signature by the user's own SSH key."""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.filed import read_certificate, signature_of
from palimpsest.engine.signatures import sign


def add_arguments(parser) -> None:
    parser.add_argument("--certificate", type=Path, required=True)


def run(args) -> None:
    """settings: `key`, the path of a key for `ssh-keygen -Y sign`."""
    read_certificate(args.certificate)
    sign(args.certificate, signature_of(args.certificate), Path(args.settings["key"]))
