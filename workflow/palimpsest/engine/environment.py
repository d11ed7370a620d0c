"""What libraries would take from the environment and what changes results by it: removed before any
library is loaded, from a run's environment and from a step's. What a result depends on stands in
the study.

Left as they are: where things lie (homes, caches, temporary files), how to reach the network, what
is logged, which devices a job may see, how many threads a job has (Snakemake sets that) and where
they run, memory allocators, and the locale and its encoding, which a run and its steps must share.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping

PREFIXES = (
    # accelerate's own settings, and those of what it would hand a training to
    "ACCELERATE_", "FSDP_", "DEEPSPEED_", "MEGATRON_LM_", "PARALLELISM_CONFIG_", "FP8_",
    # launchers of several processes: a training is one
    "PMI_", "PMIX_", "OMPI_COMM_", "MV2_COMM_", "MPI_LOCAL", "TORCHELASTIC_", "TORCHCOMM_",
    "SMDATAPARALLEL_", "SM_HP_", "SM_FRAMEWORK_",
    # instructions and algorithms of kernels, from which the last bits follow
    "ATEN_", "DNNL_", "ONEDNN_", "OPENBLAS_CORETYPE", "BLIS_ARCH", "NPY_", "ARROW_USER_SIMD_",
    "MKL_CBWR", "MKL_ENABLE_", "MKL_DEBUG_", "MKL_DISABLE_", "MKL_FAST_", "MKL_INTERFACE_",
    "MKL_SERVICE_", "TORCH_", "TORCHDYNAMO_", "TORCHINDUCTOR_", "PYTORCH_JIT", "PYTORCH_TENSOREXPR",
    "PYTORCH_TUNABLEOP_", "PYTORCH_MIOPEN_", "TRITON_", "NVIDIA_TF32_", "CUBLAS", "CUDNN_",
    "MIOPEN_", "ROCBLAS_", "HIPBLASLT_", "XLA_", "PJRT_", "PT_HPU_", "FLASH_ATTENTION_",
    # another number of threads than the study's, or another split of the work among them
    "MKL_DYNAMIC", "MKL_DOMAIN_", "MKL_NUM_STRIPES", "MKL_THREADING_", "OMP_DYNAMIC", "OMP_NESTED",
    "OMP_THREAD_LIMIT", "OMP_MAX_ACTIVE_LEVELS", "OMP_SCHEDULE", "KMP_DETERMINISTIC",
    # other ways to compute the same, or to write it down
    "TRANSFORMERS_SDPA_", "TRANSFORMERS_DISABLE_", "TRUST_REMOTE_CODE", "USE_HUB_KERNELS",
    "USE_TORCH_XLA", "USE_TF", "PANDAS_", "SCIPY_", "SKLEARN_", "ARROW_PRE_",
    # how progress is shown, where what is no number ends in a traceback
    "TQDM_",
    # figures are drawn by the settings of this project alone
    "MPLBACKEND", "MATPLOTLIBRC", "MPL_IGNORE_", "SOURCE_DATE_EPOCH", "QT_API",
)  # fmt: skip
NAMES = frozenset(
    {
        "WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK",
        "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT", "FORK_LAUNCHED",
    }
)  # fmt: skip
# What Python reads when it starts: docstrings would be gone, which transformers reads; warnings of
# libraries would be errors; a step that has ended would wait for input.
OF_PYTHON = frozenset({"PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT"})
# seconds, where what is no number ends in a traceback
TIMEOUTS = frozenset({"HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"})
FIXED = {
    # A pool of tokenizers' threads does not survive a fork; its results are the same.
    "TOKENIZERS_PARALLELISM": "false",
    # else a `random.py` in the working directory would be taken for Python's
    "PYTHONSAFEPATH": "1",
    # without it the products of matrices on a GPU need not be the same twice
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
# An update frees and asks for the same tens of megabytes again and again. glibc would give them
# back to the system each time, which took a sixth of a small model's update; kept, and in huge
# pages, they cost nothing, and results are the same to the bit.
OF_GLIBC = "GLIBC_TUNABLES"
TUNED = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296"
    ":glibc.malloc.trim_threshold=17179869184"
)


def settle(environment: MutableMapping[str, str]) -> list[str]:
    """Remove what would change results, set what is fixed; the names of what was removed."""
    removed = sorted(
        name
        for name, value in environment.items()
        if name in NAMES | OF_PYTHON
        or (name.startswith(PREFIXES) and name not in FIXED)
        or (name in TIMEOUTS and not value.isdecimal())
    )
    for name in removed:
        del environment[name]
    environment.update(FIXED)
    environment[OF_GLIBC] = tunables(environment.get(OF_GLIBC))
    return removed


def escape_output() -> None:
    """Letters that the encoding of standard output lacks are written by their codes, as on standard
    error."""
    if sys.stdout:  # else it is closed
        sys.stdout.reconfigure(errors="backslashreplace")


def tunables(given: str | None) -> str:
    """Settings of glibc, which it reads when a step starts: those that are given, but for
    instructions of the processor, from which the last bits of mathematical functions follow; TUNED
    where none are."""
    kept = [one for one in (given or "").split(":") if one and not one.startswith("glibc.cpu.")]
    return ":".join(kept) or TUNED
