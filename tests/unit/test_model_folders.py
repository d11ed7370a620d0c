"""Folders of files: no kill leaves one that looks whole; what is written keeps name and date."""

from __future__ import annotations

import os

import pytest

from palimpsest.errors import UserError
from palimpsest.files import (
    file_digests,
    keeping_date,
    naming,
    read_json,
    replacing_files,
    write_json,
)

FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "z.txt")


@pytest.mark.parametrize("moved", range(len(FILES)))
def test_weights_arrive_when_all_else_is_there(tmp_path, monkeypatch, moved):
    """A writer that ends after so many moves leaves no weights, without which nothing loads."""
    moves = iter(range(len(FILES)))
    move = os.replace

    def ended(*paths) -> None:
        if next(moves) == moved:
            raise KeyboardInterrupt
        move(*paths)

    monkeypatch.setattr(os, "replace", ended)
    with pytest.raises(KeyboardInterrupt), replacing_files(tmp_path / "model") as beside:
        for name in FILES:
            (beside / name).write_text("x")
    found = {path.name for path in (tmp_path / "model").iterdir() if path.is_file()}
    assert len(found) == moved and "model.safetensors" not in found


def test_of_a_folder_files_have_digests_and_folders_have_none(tmp_path):
    (tmp_path / "b").write_bytes(b"abc")
    (tmp_path / "a").mkdir()
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, B.1
    assert file_digests(tmp_path) == {"b": abc}


def test_a_file_that_is_rewritten_keeps_its_date_and_not_that_of_its_last_reading(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    os.utime(path, (7, 5))
    with keeping_date(path) as same:
        same.write_text("new")
    assert path.read_text() == "new" and path.stat().st_mtime == 5


def test_a_json_must_hold_every_key_that_is_asked_for(tmp_path):
    write_json(tmp_path / "a", {"digest": "d", "records": 3})
    assert read_json(tmp_path / "a", "digest", "records")["records"] == 3
    with pytest.raises(UserError, match="must hold these keys(.*\n)*.*digest, tokens"):
        read_json(tmp_path / "a", "digest", "tokens")


def test_a_number_that_json_does_not_have_is_not_written(tmp_path):
    """Other readers would stumble over it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_is_not_the_systems_is_told_as_it_came(tmp_path):
    """A library may raise an OSError of its own words, about something else than this file."""
    with pytest.raises(OSError, match="no such model") as caught, naming(tmp_path / "a"):
        raise OSError("no such model")
    assert caught.value.filename is None
