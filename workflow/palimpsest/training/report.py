"""The report of a training, in two files beside the model.

training.json: what it learnt from and what came out of it; the same whenever it is run, so that
other jobs depend on it. run.json: what varies from run to run (time, memory, processor, device,
versions, code, dates of sources), which is no reason to make anything again.
"""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from palimpsest.engine.sealed import write_sealed
from palimpsest.files import read_json

REPORT, RUN = "training.json", "run.json"
VARIES = ("seconds", "peak_mb", "processor", "device", "versions", "code", "sources")

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
    """Write a report as two files, each sealed; remove the states to resume from, which are of no
    use any more."""
    write_sealed(folder / RUN, {name: report[name] for name in VARIES if name in report})
    write_sealed(
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


def processor() -> str:
    """The model of this machine's processor: on another one sums round otherwise."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
