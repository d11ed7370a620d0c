"""Which code this is: the commit of its repository, and a digest of the package."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def release() -> dict[str, str | None]:
    """commit: that which the package is checked out from, without changes; None where it is not, or
    not known. package: SHA-256 of its modules."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return {"commit": _commit(), "package": digest.hexdigest()}


def _commit() -> str | None:
    """It may be installed inside the repository of another project, which does not track it."""
    tracked = _git("ls-files", "--error-unmatch", "__init__.py")
    changed = _git("status", "--porcelain", "--", ".")
    return _git("rev-parse", "HEAD") if tracked and changed == "" else None


def _git(*arguments: str) -> str | None:
    """What git says; None where it fails, or is not there."""
    command = ["git", "--no-optional-locks", "-C", str(PACKAGE), *arguments]
    # git sets variables in hooks that lead to another repository
    here = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=here)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None
