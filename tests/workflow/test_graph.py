"""The graph of jobs is built at once: nothing heavy is imported for it, in a fresh clone or over
finished results."""

from __future__ import annotations

import re

import pytest

from harness import Clone

HEAVY = (
    "accelerate",
    "datasets",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)
# Forgets what Snakemake's own plugins imported before the Snakefile is read, and tells at exit what
# was imported since.
PRELUDE = f"""
import atexit
import sys

for _name in [name for name in sys.modules if name.split(".")[0] in {HEAVY}]:
    del sys.modules[_name]
atexit.register(lambda: print("heavy modules:", *(set({HEAVY}) & set(sys.modules))))
"""


def imported(clone: Clone, *arguments: str) -> set[str]:
    """The heavy modules that a dry run imports."""
    clone.path("Snakefile").write_text(
        PRELUDE + clone.path("Snakefile").read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert clone.snakemake("--dry-run", *arguments) == 0, clone.output
    assert "Nothing to be done" not in clone.output
    said = next(line for line in clone.output.splitlines() if line.startswith("heavy modules:"))
    return set(said.removeprefix("heavy modules:").split())


@pytest.mark.parametrize("targets", [(), ("data",)])
def test_nothing_heavy_is_imported_for_a_fresh_graph(tmp_path, targets):
    fresh = Clone.make(tmp_path / "fresh", forget="r1 owner01; r2 owner02 owner03")
    assert imported(fresh, *targets) == set()


def test_nothing_heavy_is_imported_over_finished_results(clone):
    """Where digests are compared and evidence of requests is read. Snakemake itself compares params
    with pandas where that is there."""
    clone.write_ledger("r1 owner01; r2 owner02")
    assert imported(clone) <= {"pandas", "pyarrow"}
    assert re.search(r"^Serving r2 of tiny trains .* tokens \(\d+%\);", clone.output, re.M)


def test_what_is_imported_would_be_seen(tmp_path):
    """Also inside a function that the graph calls, and though Snakemake's Slurm plugin imports
    pandas by itself."""
    fresh = Clone.make(tmp_path / "fresh")
    asked = "def ledger_option(study: Study) -> str:\n"
    fresh.edit("workflow/palimpsest/study/wants/data.py", asked, f"{asked}    import pandas\n")
    assert "pandas" in imported(fresh)
