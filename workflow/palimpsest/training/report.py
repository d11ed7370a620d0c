"""What a training says of itself, in two files beside the model.

training.json: what it learnt from and what came out of it; the same whenever it is run, so that
others hang on it. run.json: what varies from run to run, time, memory, device, versions, code, and
dates of sources, which is no reason to make anything again.
"""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from palimpsest.files import read_json, write_json

REPORT, RUN = "training.json", "run.json"
VARIES = ("seconds", "peak_mb", "device", "versions", "code", "sources")

PACKAGES = (
    "palimpsest",
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "peft",
    "safetensors",
    "numpy",
)


def write_reports(folder: Path, report: dict, resume: Path) -> None:
    """Divide a report; the states that the training would have resumed from are of no use any
    more."""
    write_json(folder / RUN, {name: report[name] for name in VARIES if name in report})
    write_json(
        folder / REPORT, {name: value for name, value in report.items() if name not in VARIES}
    )
    shutil.rmtree(resume, ignore_errors=True)


def read_reports(folder: Path) -> dict:
    """Both as one."""
    return read_json(folder / REPORT) | read_json(folder / RUN)


def installed_versions() -> dict[str, str]:
    """Versions of what the weights depend on."""
    return {package: version(package) for package in PACKAGES if _installed(package)} | {
        "python": platform.python_version()
    }


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
