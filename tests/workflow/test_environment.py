"""Nothing that stands neither in the study, nor in its sources, nor in the code changes a byte."""

from __future__ import annotations

import os
import shutil

from faults import kept

# Of libraries, launchers, notebooks, Python and glibc.
SETTINGS = {
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4", "ACCELERATE_MIXED_PRECISION": "bf16",
    "ACCELERATE_USE_FSDP": "true", "SM_HP_MP_PARAMETERS": "{",
    "WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "PMI_SIZE": "2", "PMI_RANK": "1",
    "OMPI_COMM_WORLD_SIZE": "2", "MASTER_ADDR": "nowhere.invalid",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": "/nowhere",
    "SOURCE_DATE_EPOCH": "7",
    "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "DNNL_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2",
    "ARROW_USER_SIMD_LEVEL": "NONE", "MKL_DYNAMIC": "FALSE", "OMP_DYNAMIC": "true",
    "OMP_THREAD_LIMIT": "1", "PYTORCH_JIT": "0", "PANDAS_FUTURE": "legacy", "SCIPY_ARRAY_API": "1",
    "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error::DeprecationWarning",
}  # fmt: skip
# Of the user and the machine: they stay, and must not matter. A locale that is not there, and none
# of the ways in which Python turns to UTF-8 by itself: all text is ASCII unless told.
PLACE = {
    "LC_ALL": "tr_TR.ISO-8859-9", "LANG": "tr_TR.ISO-8859-9", "TZ": "Asia/Kathmandu",
    "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii",
    "PYTHONHASHSEED": "7", "HOME": "/proc/nowhere", "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_VERBOSITY": "error", "MALLOC_PERTURB_": "85",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
}  # fmt: skip
# Found in the working directory; the first backend is a notebook's, the style none of ours.
MATPLOTLIBRC = """\
backend: module://matplotlib_inline.backend_inline
font.size: 30
savefig.dpi: 31
figure.facecolor: black
lines.linewidth: 9
svg.hashsalt: other
"""
# Modules of these names in the working directory are not those that steps import.
SHADOWS = ("accelerate", "peft", "tokenizers", "transformers")


def test_a_hostile_environment_changes_no_byte(finished, tmp_path):
    """Models, scores, tables and figures, made anew where everything is otherwise."""
    clone = finished.copy(tmp_path / "clone")
    for made in ("results", ".snakemake"):
        shutil.rmtree(clone.path(made))
    clone.path("matplotlibrc").write_text(MATPLOTLIBRC, encoding="utf-8")
    for name in SHADOWS:
        clone.path(f"{name}.py").write_text("raise SystemExit('another module of this name')\n")
    assert clone.snakemake(variables=SETTINGS | PLACE, umask=0o077) == 0, clone.output
    plain, hostile = kept(finished), kept(clone)
    suffixes = {name.rpartition(".")[2] for name in plain}
    assert {"safetensors", "parquet", "json", "csv", "md", "png"} <= suffixes
    assert plain.keys() == hostile.keys()
    assert [name for name in plain if plain[name] != hostile[name]] == []
    told = next(line for line in clone.output.splitlines() if "Left out of the environment" in line)
    named = set(told.rpartition(": ")[2].removesuffix(".").split(", "))
    assert set(SETTINGS) <= named <= {*SETTINGS, *os.environ}, "torch sets some in this process"
    assert "Exception ignored" not in clone.output
