"""Folders of models and tokenizers on disk: every file must be what the step that wrote the folder
recorded. No torch."""

from __future__ import annotations

from pathlib import Path

from palimpsest.errors import Problem, UserError
from palimpsest.files import file_digest, read_json

LOADED = (".json", ".safetensors", ".txt", ".model", ".jinja")  # weights, configs, vocabularies
# reports of the step that wrote a folder
REPORTS = ("training.json", "run.json", "corpus.json")
REMEDY = "remove the file and run snakemake again, which makes it anew, to the same bytes"


def loaded_files(folder: Path) -> list[Path]:
    """The files of a folder that a model or its tokenizer may be loaded from, sorted; none where
    there is no such folder."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    named = [
        path
        for path in entries
        if path.suffix in LOADED and path.name not in REPORTS and not path.name.startswith(".")
    ]
    return [path for path in named if path.is_file()]


def check_model(folder: Path) -> str:
    """SHA-256 of the weights in a folder that a training wrote; a UserError names each file that is
    not what it wrote."""
    report = read_json(folder / "training.json", "sha256", "files")
    _check(folder, {"model.safetensors": report["sha256"], **report["files"]}, "training.json")
    return report["sha256"]


def tokenizer_digest(folder: Path) -> str:
    """The same text for folders of models whose tokenizers are of the same bytes."""
    files = read_json(folder / "training.json", "files")["files"]
    return " ".join(
        digest
        for name, digest in sorted(files.items())
        if name not in ("config.json", "generation_config.json")
    )


def check_tokenizer(folder: Path) -> str:
    """The same for a tokenizer that this workflow trained: SHA-256 of its tokenizer.json."""
    files = read_json(folder / "corpus.json", "files")["files"]
    _check(folder, files, "corpus.json")
    return files["tokenizer.json"]


def _check(folder: Path, digests: dict[str, str], report: str) -> None:
    problems = []
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            problems.append(
                Problem("the file is missing", str(path), remedy="run the step that writes it")
            )
        elif file_digest(path) != digest:
            problems.append(
                Problem(
                    "the file is damaged",
                    str(path),
                    f"other bytes than {report} beside it says",
                    remedy=REMEDY,
                )
            )
    if problems:
        raise UserError(problems)
