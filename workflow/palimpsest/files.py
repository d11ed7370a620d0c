"""Atomic writes, checked reads of JSON, and digests of files."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from palimpsest.errors import Problem, UserError

REMEDY = "remove the file and run snakemake again, which makes it anew"


@contextmanager
def replacing(path: Path):
    """Yield a temporary path beside ``path`` to write to; it replaces ``path`` unless an exception
    is raised."""
    path = Path(path)
    with naming(path):
        beside = _beside(path)
        try:
            yield beside
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def replacing_files(folder: Path):
    """Yield an empty folder inside ``folder``; its files move to ``folder``, weights last, unless
    an exception is raised."""
    folder = Path(folder)
    with naming(folder):
        beside = _beside(folder / "files")
        try:
            beside.mkdir()
            yield beside
            for path in sorted(
                beside.iterdir(), key=lambda path: (path.suffix == ".safetensors", path.name)
            ):
                os.replace(path, folder / path.name)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def naming(path: Path):
    """Make system errors name ``path`` while it is written: write(2) gives no file name, and
    libraries in Rust wrap its error."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or ".part" in str(error.filename)):
            error.filename = str(path)
        raise
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if not number:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def _beside(path: Path) -> Path:
    """A temporary path beside ``path``, named by the id of this process; those that killed
    processes left are removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if _is_other_process(left.name.split(".")[-2]):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _is_other_process(pid: str) -> bool:
    """Whether this is the id of another process that is alive on this machine."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()


def write_text(path: Path, text: str) -> None:
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Sorted and indented, so that equal values are equal bytes."""
    write_text(
        path,
        json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n",
    )


def read_json(path: Path, *keys: str):
    """The value in a JSON file that a step wrote; a UserError where the file is missing or broken,
    or lacks one of ``keys``."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            Problem("the file is missing", str(path), remedy="run the step that writes it")
        ) from None
    except ValueError as error:
        raise UserError(
            Problem("is damaged: not valid JSON", str(path), type(error).__name__, remedy=REMEDY)
        ) from None
    if keys and not (isinstance(value, dict) and value.keys() >= set(keys)):
        raise UserError(
            Problem(
                "is damaged: it must hold these keys",
                str(path),
                allowed=", ".join(keys),
                remedy=REMEDY,
            )
        )
    return value


def file_digest(path: Path, new: Callable = hashlib.sha256) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, new).hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of each file of a folder."""
    return {
        path.name: file_digest(path) for path in sorted(Path(folder).iterdir()) if path.is_file()
    }


@contextmanager
def keeping_date(path: Path):
    """Yield ``path`` and restore its date afterwards, so that rewriting it makes Snakemake rerun
    nothing that depends on it."""
    status = Path(path).stat()
    try:
        yield path
    finally:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
