"""Signatures of files by a user's own SSH key, as `ssh-keygen -Y` makes and verifies them: FILE.sig
beside FILE. `ssh-keygen -Y verify` by hand says the same."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import replacing

NAMESPACE = "palimpsest"  # a signature for another purpose is none of a certificate


def sign(path: Path, signature: Path, key: Path) -> None:
    """Write the signature of a file by an SSH key: a private one, or a public one whose private
    half an agent holds. A UserError where ssh-keygen cannot sign with it."""
    key = Path(key).expanduser()
    if not key.is_file():
        remedy = "correct the path of the key (`certificates.key`, or --key)"
        raise UserError(Problem("there is no such key to sign with", str(key), remedy=remedy))
    with tempfile.TemporaryDirectory() as folder:
        # ssh-keygen writes beside what it signs, and asks before it replaces a file
        copy = Path(folder, path.name)
        copy.write_bytes(path.read_bytes())
        ran = _ssh_keygen("sign", "-f", key, copy)
        if ran.returncode != 0:
            remedy = "use a key without a passphrase, or name its .pub while an ssh-agent holds it"
            what = "ssh-keygen cannot sign with this key"
            raise UserError(Problem(what, str(key), _said(ran), remedy=remedy))
        with replacing(signature) as beside:
            beside.write_bytes(Path(f"{copy}.sig").read_bytes())


def signer(path: Path, signature: Path, allowed: Path | None) -> tuple[str, str]:
    """(who signed a file, what is wrong or ''). With a file of ``allowed`` signers (see
    ssh-keygen(1)) the name that vouches for the key; without one the key's fingerprint alone."""
    data = path.read_bytes()
    if allowed is None:
        ran = _ssh_keygen("check-novalidate", "-s", signature, data=data)
        key = re.search(r"key (\S+)", ran.stdout)
        return (key[1] if key else "", "" if ran.returncode == 0 else _said(ran))
    found = _ssh_keygen("find-principals", "-s", signature, "-f", allowed)
    names = found.stdout.split("\n")[0].strip()
    if found.returncode != 0 or not names:
        return "", f"its key is none of those in {allowed}: {_said(found)}"
    name = names.split(",")[0]
    ran = _ssh_keygen("verify", "-f", allowed, "-I", name, "-s", signature, data=data)
    return name, "" if ran.returncode == 0 else _said(ran)


def _ssh_keygen(what: str, *arguments: object, data: bytes = b"") -> subprocess.CompletedProcess:
    command = ["ssh-keygen", "-Y", what]
    command += [] if what == "find-principals" else ["-n", NAMESPACE]
    # no question can be answered here: a passphrase comes from an agent
    quiet = os.environ | {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    try:
        ran = subprocess.run(
            [*command, *map(str, arguments)], input=data, capture_output=True, env=quiet,
            start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        remedy = "install OpenSSH (8.2 or later), whose ssh-keygen signs and verifies"
        raise UserError(Problem("there is no ssh-keygen", "PATH", remedy=remedy)) from None
    out, err = (text.decode("utf-8", "replace") for text in (ran.stdout, ran.stderr))
    return subprocess.CompletedProcess(ran.args, ran.returncode, out, err)


def _said(ran: subprocess.CompletedProcess) -> str:
    lines = [line.strip() for line in (ran.stderr + "\n" + ran.stdout).split("\n") if line.strip()]
    return lines[0] if lines else f"ssh-keygen ended with {ran.returncode}"
