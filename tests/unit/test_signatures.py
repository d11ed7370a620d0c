"""Signatures by a user's own SSH key: what is signed is verified, by ssh-keygen itself as well;
what was changed, or signed by somebody else or for something else, is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from palimpsest.engine import signatures
from palimpsest.engine.signatures import sign, signer
from palimpsest.errors import UserError


def key(folder: Path, name: str, passphrase: str = "") -> Path:
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", path]
    subprocess.run(command, check=True)
    return path


def allowed(folder: Path, **keys: Path) -> Path:
    path = folder / "allowed"
    lines = (f"{name}@here {one.with_suffix('.pub').read_text()}" for name, one in keys.items())
    path.write_text("".join(lines))
    return path


@pytest.fixture
def signed(tmp_path):
    """(file, its signature, the key of jo that made it)."""
    file, jo = tmp_path / "r1.json", key(tmp_path, "jo")
    file.write_text('{"a": 1}')
    sign(file, tmp_path / "r1.json.sig", jo)
    return file, tmp_path / "r1.json.sig", jo


def test_a_signature_tells_its_signer(signed, tmp_path):
    """With a list of signers their name; without, the fingerprint of the key. And again, over an
    older signature."""
    file, signature, jo = signed
    assert signer(file, signature, allowed(tmp_path, jo=jo)) == ("jo@here", "")
    name, wrong = signer(file, signature, None)
    print_ = subprocess.run(["ssh-keygen", "-lf", jo], capture_output=True, text=True, check=True)
    assert name == print_.stdout.split()[1] and name.startswith("SHA256:") and not wrong
    file.write_text('{"a": 2}')
    sign(file, signature, jo)
    assert signer(file, signature, allowed(tmp_path, jo=jo)) == ("jo@here", "")
    assert {path.name for path in tmp_path.iterdir()} == {
        "r1.json", "r1.json.sig", "jo", "jo.pub", "allowed",
    }  # fmt: skip


def test_ssh_keygen_itself_verifies_it(signed, tmp_path):
    file, signature, jo = signed
    command = ["ssh-keygen", "-Y", "verify", "-n", "palimpsest", "-I", "jo@here", "-s", signature]
    command += ["-f", allowed(tmp_path, jo=jo)]
    assert subprocess.run(command, input=file.read_bytes(), capture_output=True).returncode == 0


@pytest.mark.parametrize("listed", [True, False])
def test_a_changed_file_is_not_what_was_signed(signed, tmp_path, listed):
    file, signature, jo = signed
    file.write_text('{"a": 2}')
    assert signer(file, signature, allowed(tmp_path, jo=jo) if listed else None)[1]
    file.write_text('{"a": 1}')
    signature.write_text("no signature")
    assert signer(file, signature, allowed(tmp_path, jo=jo) if listed else None)[1]


def test_somebody_else_s_signature_is_not_allowed(signed, tmp_path):
    file, signature, _ = signed
    name, wrong = signer(file, signature, allowed(tmp_path, al=key(tmp_path, "al")))
    assert name == "" and "none of those" in wrong


def test_a_signature_for_another_purpose_is_none(signed, tmp_path, monkeypatch):
    file, signature, jo = signed
    monkeypatch.setattr(signatures, "NAMESPACE", "mail")
    sign(file, signature, jo)
    monkeypatch.undo()
    assert signer(file, signature, allowed(tmp_path, jo=jo))[1]
    assert signer(file, signature, None)[1]


@pytest.mark.parametrize("which", ["missing", "no key", "passphrase"])
def test_a_key_that_cannot_sign_is_named(tmp_path, monkeypatch, which):
    """A passphrase is asked of nobody: there may be nobody to answer."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    file, bad = tmp_path / "r1.json", tmp_path / "bad"
    file.write_text("{}")
    if which == "passphrase":
        bad = key(tmp_path, "locked", "secret")
    elif which == "no key":
        bad.write_text("nothing")
        bad.chmod(0o600)
    with pytest.raises(UserError) as told:
        sign(file, tmp_path / "r1.json.sig", bad)
    assert str(bad) in str(told.value) and "remedy" in str(told.value)
    assert not (tmp_path / "r1.json.sig").exists()


def test_without_ssh_keygen_it_says_so(signed, monkeypatch):
    file, signature, _ = signed
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="install OpenSSH"):
        signer(file, signature, None)
