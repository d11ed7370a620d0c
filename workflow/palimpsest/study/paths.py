"""The one spelling of every path below results/.

Each is a template: rules take it as it stands, its names being wildcards, and who wants a file
fills the names in (``RECORDS.format(study="demo")``). Paths follow what a thing is, never when it
was made. A name in braces is one part of a path, but for these, which may be several: checkpoint
(base, oracle/r1, teachers/3x2/1/2/r0) and model, where it is that of a folder with weights.
"""

from __future__ import annotations

import re

STUDY = "results/{study}"
SEED = STUDY + "/seed{seed}"

# Data
SOURCE = STUDY + "/data/source/{file}"
RECORDS = STUDY + "/data/records.parquet"
RECORDS_REPORT = STUDY + "/data/records.json"
CANDIDATES = STUDY + "/data/candidates.parquet"
INDEX = STUDY + "/data/index.parquet"
REQUEST = STUDY + "/requests/{request}.json"
SLICE = SEED + "/shards/{sharding}/{shard}/{slice}/{version}.parquet"
SLICE_DIGEST = SEED + "/shards/{sharding}/{shard}/{slice}/{version}.json"
SET = STUDY + "/sets/{set}.parquet"
SET_DIGEST = STUDY + "/sets/{set}.json"
FORGET, FORGET_DIGEST = (STUDY + "/sets/forget-{request}." + end for end in ("parquet", "json"))
EXTRA, EXTRA_DIGEST = (STUDY + "/sets/extra-{state}." + end for end in ("parquet", "json"))
SAMPLE, SAMPLE_DIGEST = (
    STUDY + "/sets/sample-{share}-{state}." + end for end in ("parquet", "json")
)

# Folders with weights, and what each holds beside them
CHECKPOINT = SEED + "/{checkpoint}"
BASE = SEED + "/base"
ORACLE = SEED + "/oracle/{version}"
TEACHER = SEED + "/teachers/{sharding}/{shard}/{slice}/{version}"
METHOD = SEED + "/methods/{method}/{state}"
ATTACK = SEED + "/attacks/{attack}/{attacked}/{state}"
AUXILIARY = SEED + "/auxiliaries/{auxiliary}/{state}"
MODELS = (BASE, ORACLE, TEACHER, METHOD, ATTACK, AUXILIARY)  # all of them
WEIGHTS = "model.safetensors"
REPORT = "training.json"
TOKENIZER_FILE = "tokenizer.json"
CORPUS_REPORT = "corpus.json"
WITH_WEIGHTS = ("config.json", "tokenizer.json", "tokenizer_config.json", REPORT, "run.json")

# Scores, decisions, numbers
SCORES = SEED + "/scores/{model}/{version}/{set}.parquet"
DECISIONS = SEED + "/decisions/{method}/{state}.parquet"
RULES = SEED + "/decisions/{method}/{state}.json"
ITEMS = SEED + "/items/{method}/{state}.parquet"
METRICS = SEED + "/metrics/{method}/{state}.parquet"
AROUND = SEED + "/metrics/{around}-{who}/{state}.parquet"
COST = SEED + "/metrics/cost-{sharding}/{state}.parquet"
COST_OF_METHOD = SEED + "/metrics/cost-{method}/{state}.parquet"
EPSILON = SEED + "/metrics/epsilon-{sharding}/{method}/{state}.parquet"

# What people look at
TABLE = STUDY + "/tables/metrics.parquet"
TABLE_CSV = STUDY + "/tables/metrics.csv"
SUMMARY = STUDY + "/tables/summary.md"
SUMMARY_PAGE = STUDY + "/tables/summary.html"
FIGURE = STUDY + "/figures/{figure}.{suffix}"
FIGURE_DATA = STUDY + "/tables/{figure}.csv"
FINGERPRINT = STUDY + "/fingerprints/{request}.json"
CERTIFICATE = STUDY + "/certificates/{request}.json"
CERTIFICATE_PAGE = STUDY + "/certificates/{request}.html"

# Shared by all studies that name them
SHARED = "results/pretrained"
TOKENIZER = SHARED + "/{tokenizer}"
CORPUS = TOKENIZER + "/corpus/{file}"
RECIPE = SHARED + "/{recipe}"


# What is always of one form, whatever a study calls its things.
SHAPES = {"seed": r"\d+", "sharding": r"\d+x\d+", "shard": r"\d+", "slice": r"\d+"}


def places(template: str) -> str:
    """What to look for below the folder of a study: a glob for all that a template may be."""
    return re.sub(r"\{\w+\}", "*", template.removeprefix(f"{STUDY}/"))


def names(template: str, path: str) -> dict[str, str] | None:
    """The names of which a template makes a path below the folder of a study; None for one that it
    does not make."""
    below = re.escape(template.removeprefix(f"{STUDY}/"))
    pattern = re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>{SHAPES.get(m[1], '[^/]+')})", below)
    found = re.fullmatch(pattern, path)
    return found.groupdict() if found else None


def around(folder: str) -> list[str]:
    """What a folder with weights holds beside them."""
    return [f"{folder}/{name}" for name in WITH_WEIGHTS]
