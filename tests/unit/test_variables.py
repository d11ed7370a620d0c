"""What libraries would take from the environment does not reach a step."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from palimpsest.engine.environment import FIXED, OF_GLIBC, OF_PYTHON, TUNED, settle, tunables
from palimpsest.study.wants.want import as_json

HOSTILE = {
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
    "ACCELERATE_MIXED_PRECISION": "bf16",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "1",
    "PMI_SIZE": "2",
    "OMPI_COMM_WORLD_SIZE": "2",
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MATPLOTLIBRC": "/nowhere",
    "PANDAS_COPY_ON_WRITE": "warn",
    "SOURCE_DATE_EPOCH": "0",
    "MKL_DYNAMIC": "FALSE",
    "OMP_THREAD_LIMIT": "1",
    "ARROW_USER_SIMD_LEVEL": "NONE",
    "SM_HP_MP_PARAMETERS": "{",
    "PYTORCH_JIT": "0",
    "TRUST_REMOTE_CODE": "1",
    "PYTHONINSPECT": "1",
}
HARMLESS = {
    "HOME": "/home/u", "PATH": "/bin", "HF_HOME": "/cache", "HTTPS_PROXY": "p", "TMPDIR": "/tmp",
    "CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "1", "LANG": "C", "PALIMPSEST_WARM": "0",
    "PYTORCH_CUDA_ALLOC_CONF": "x", "RANKING": "1", "SLURM_JOB_ID": "7", "MKL_NUM_THREADS": "2",
    "OMP_PROC_BIND": "close", "PYTHONPATH": "p", "PYTHONUTF8": "1", "LC_ALL": "C", "TZ": "UTC",
    "MPLCONFIGDIR": "/tmp", "TRANSFORMERS_VERBOSITY": "info",
}  # fmt: skip


def test_what_changes_results_is_removed_and_nothing_else():
    environment = HOSTILE | HARMLESS | dict.fromkeys(FIXED, "other")
    assert settle(environment) == sorted(HOSTILE)
    assert environment == HARMLESS | FIXED | {OF_GLIBC: TUNED}
    assert settle(environment) == [], "a step finds what its run has settled"


@pytest.mark.parametrize(
    ("name", "value"), [one for one in HOSTILE.items() if one[0] not in OF_PYTHON]
)
def test_the_command_settles_its_environment_before_a_library_reads_it(name, value):
    """The step is one that does not exist: whatever is left is there when the program begins."""
    script = (
        "import os, sys, runpy; import palimpsest.engine.cli as cli\n"
        f"cli.program = lambda argv, started='': print({name!r} in os.environ) or 0\n"
        "sys.argv = ['palimpsest', 'none']; import palimpsest.__main__ as main; main.run()"
    )
    environment = dict(os.environ) | {name: value, "PALIMPSEST_WARM": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    "variables", [{"PYTHONOPTIMIZE": "2"}, {"PYTHONWARNINGS": "error"}, {"PYTHONINSPECT": "1"}]
)
def test_what_python_has_read_already_is_undone_by_another_python(variables):
    """Without docstrings a step's help would lack its first line; a warning would end it; and it
    would wait for input, which here never comes."""
    command = [sys.executable, "-m", "palimpsest", "tokenizer", "--help"]
    plain, hostile = (
        subprocess.run(
            command, env=dict(os.environ) | {"PALIMPSEST_WARM": "0"} | some, capture_output=True,
            text=True, check=True, timeout=60,
        )
        for some in ({}, variables)
    )  # fmt: skip
    assert hostile.stdout == plain.stdout and hostile.stderr == plain.stderr
    assert "Train a tokenizer" in plain.stdout


def test_letters_that_a_terminal_lacks_are_written_by_their_codes():
    script = (
        "import palimpsest.engine.cli as cli; cli.program = lambda argv: print('Zürich') or 0\n"
        "import palimpsest.__main__ as main; main.run()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True,
        env=dict(os.environ) | {"PYTHONIOENCODING": "ascii", "PALIMPSEST_WARM": "0"},
    )  # fmt: skip
    assert ran.stdout == rb"Z\xfcrich" + b"\n"


def test_settings_of_a_step_are_ascii():
    """A command line holds no other letters in every locale."""
    given = {"terms": ["für", "女人"], "braces": "{x}"}
    text = as_json(given)
    assert text.isascii() and json.loads(text) == given


def test_tunables_of_the_allocator_stay_and_those_of_the_processor_go():
    assert tunables(None) == tunables("") == TUNED
    assert tunables("glibc.malloc.check=3") == "glibc.malloc.check=3"
    mixed = "glibc.cpu.hwcaps=-AVX2:glibc.malloc.check=3:glibc.cpu.x86_ibt=off"
    assert tunables(mixed) == "glibc.malloc.check=3"
    assert tunables("glibc.cpu.hwcaps=-AVX2,-FMA") == TUNED


def test_a_timeout_that_is_no_number_is_left_out():
    environment = {"HF_HUB_DOWNLOAD_TIMEOUT": "abc", "HF_HUB_ETAG_TIMEOUT": "30"}
    assert settle(environment) == ["HF_HUB_DOWNLOAD_TIMEOUT"]
    assert environment["HF_HUB_ETAG_TIMEOUT"] == "30"
