"""The secret with which names and passages are hashed in what is kept of a request or handed on:
evidence, fingerprints, certificates, the record of purges.

It is not the study's salt, which decides the sharding and stands in a YAML that people share: with
it anybody could try names until one has the hash. Jobs read it where they need it; no setting, log
or result holds it, only a short identification, by which another secret is recognised.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
import tempfile
from pathlib import Path
from secrets import token_hex

from palimpsest.data.pseudonyms import key_of
from palimpsest.errors import Problem, UserError

FILE = Path(".palimpsest/secret")  # in the working directory, beside results/ and not in it
VARIABLE = "PALIMPSEST_SECRET"
SHORTEST = 32  # characters
BACK = (
    f"bring back the file {FILE} or the variable {VARIABLE} that these results were made with; "
    "where it is lost, move {folder} away and start over from the source"
)


def present(salt: str | None = None) -> str | None:
    """The secret of the variable, else of the file; None where there is neither. A UserError where
    it is no secret: too short, the study's ``salt``, or readable by others."""
    if VARIABLE in os.environ:
        return _checked(os.environ[VARIABLE], f"the variable {VARIABLE}", salt)
    try:
        mode = stat.S_IMODE(FILE.stat().st_mode)
    except FileNotFoundError:
        return None
    if mode & 0o077:
        what, allowed = "others may read or change the secret", "0600: its owner alone"
        remedy = f"chmod 600 {FILE}; if others may have read it, treat the hashes as names"
        raise UserError(Problem(what, str(FILE), f"mode {mode:04o}", allowed, remedy))
    return _checked(FILE.read_text(encoding="utf-8").strip(), str(FILE), salt)


def _checked(secret: str, where: str, salt: str | None) -> str:
    what = ""
    if len(secret) < SHORTEST:
        what, found = "too short for a secret", f"{len(secret)} characters"
    elif secret == salt:
        what, found = "not a secret: the salt of a study is none", "the salt"
    if what:
        allowed = f"at least {SHORTEST} characters that nobody can guess"
        remedy = "take one from `openssl rand -hex 32`" + (
            "" if where == str(FILE) else f", or unset it: then one is made in {FILE}"
        )
        raise UserError(Problem(what, where, found, allowed, remedy))
    return secret


def required() -> str:
    """The secret; a UserError where there is none."""
    secret = present()
    if secret is None:
        raise UserError(absent("results/"))
    return secret


def absent(folder: Path | str) -> Problem:
    """That there are hashes below ``folder``, and no secret."""
    where, found = str(FILE), f"no such file, and {VARIABLE} is not set"
    return Problem("the secret is missing", where, found, remedy=BACK.format(folder=folder))


def made() -> str:
    """The secret, made where there is none yet. Of several processes that make one at once one
    wins, and all have its."""
    if present() is None:
        FILE.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FILE.parent, prefix=".part") as folder:  # mode 0700
            whole = Path(folder, FILE.name)
            descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(descriptor, 0o600)  # whatever the umask is
                file.write(token_hex(32) + "\n")
                file.flush()
                os.fsync(descriptor)
            (whole.parent / "ignored").write_text("*\n", encoding="utf-8")
            os.replace(whole.parent / "ignored", FILE.parent / ".gitignore")
            try:
                os.link(whole, FILE)  # appears whole, and never in place of another
            except FileExistsError:
                pass
    return required()


def identified(secret: str) -> str:
    """A short identification of a secret, which tells nothing else of it."""
    return hashlib.blake2b(key=key_of(secret), digest_size=8, person=b"which secret").hexdigest()


def mark_of(value: object) -> str:
    """Of a value of JSON, keyed with the secret: who lacks it cannot make one."""
    content = json.dumps(value, sort_keys=True).encode()
    return hmac.new(key_of(required()), content, "sha256").hexdigest()


def other(recorded: str | None, secret: str, where: Path, folder: Path) -> list[Problem]:
    """A problem where hashes were made with another secret than the present one; ``recorded`` is
    the identification that stands beside them, None where an earlier version made them."""
    if recorded == identified(secret):
        return []
    what = "its names are hashed with another secret than the present one"
    found = f"secret {recorded}" if recorded else "the study's salt, as earlier versions took"
    allowed, remedy = f"secret {identified(secret)}", BACK.format(folder=folder)
    return [Problem(what, str(where), found, allowed, remedy)]
