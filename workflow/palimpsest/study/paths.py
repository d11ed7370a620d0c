"""Every path below results/, defined once.

Each is a template: rules use it as it is, its names being wildcards; other code fills the names in
(``RECORDS.format(study="demo")``). A path depends on what a file is, never on when it was made. A
name in braces is one part of a path, except for checkpoint (base, oracle/r1, teachers/3x2/1/2/r0)
and the model of a folder with weights, which may be several.
"""

from __future__ import annotations

import re

RESULTS = "results"
STUDY = RESULTS + "/{study}"
SEED = STUDY + "/seed{seed}"

# Data
SOURCE = STUDY + "/data/source/{file}"
RECORDS = STUDY + "/data/records.parquet"
RECORDS_REPORT = STUDY + "/data/records.json"
CANDIDATES = STUDY + "/data/candidates.parquet"
INDEX = STUDY + "/data/index.parquet"
GROUPS = STUDY + "/data/groups.json"
DESCRIBED = STUDY + "/data/described.json"
REQUEST = STUDY + "/requests/{request}.json"
SLICE_NAME = "{sharding}/{shard}/{slice}/{state}"  # as the plan calls it
SLICE, SLICE_DIGEST = (f"{SEED}/shards/{SLICE_NAME}.{end}" for end in ("parquet", "json"))
SLICE_OF_NAME = SEED + "/shards/{name}.{end}"
SET = STUDY + "/sets/{set}.parquet"
SET_DIGEST = STUDY + "/sets/{set}.json"
FORGET, FORGET_DIGEST = (STUDY + "/sets/forget-{request}." + end for end in ("parquet", "json"))
EXTRA, EXTRA_DIGEST = (STUDY + "/sets/extra-{state}." + end for end in ("parquet", "json"))
# a set as an attack on prompts asks for it
REWORDED, REWORDED_DIGEST = (STUDY + "/sets/{attack}/{set}." + end for end in ("parquet", "json"))
SAMPLE, SAMPLE_DIGEST = (
    STUDY + "/sets/sample-{share}-{state}." + end for end in ("parquet", "json")
)
ASIDE, ASIDE_DIGEST = (STUDY + "/sets/tuning-{set}." + end for end in ("parquet", "json"))
ASIDE_NAME = "tuning-{set}"  # as a set

# Folders with weights, and what each holds beside them. Each is called by what follows
# the seed, as in "oracle/r1".
CHECKPOINT = SEED + "/{checkpoint}"
BASE_NAME, ORACLE_NAME = "base", "oracle/{state}"
TEACHER_NAME = "teachers/{sharding}/{shard}/{slice}/{state}"
METHOD_NAME = "methods/{method}/{state}"
ATTACK_NAME = "attacks/{attack}/{attacked}/{state}"
AUXILIARY_NAME = "auxiliaries/{auxiliary}/{state}"
BASE, ORACLE, TEACHER = (f"{SEED}/{name}" for name in (BASE_NAME, ORACLE_NAME, TEACHER_NAME))
METHOD, ATTACK, AUXILIARY = (
    f"{SEED}/{name}" for name in (METHOD_NAME, ATTACK_NAME, AUXILIARY_NAME)
)
MODELS = (BASE, ORACLE, TEACHER, METHOD, ATTACK, AUXILIARY)  # all of them
WEIGHTS = "model.safetensors"
REPORT = "training.json"
RUN = "run.json"
TOKENIZER_FILE = "tokenizer.json"
CORPUS_REPORT = "corpus.json"
WITH_RECIPE = ("config.json", REPORT, RUN)
WITH_WEIGHTS = ("config.json", TOKENIZER_FILE, "tokenizer_config.json", REPORT, RUN)

# Scores, decisions, numbers
SCORES = SEED + "/scores/{model}/{state}/{set}.parquet"
DECISIONS = SEED + "/decisions/{method}/{state}.parquet"
RULES = SEED + "/decisions/{method}/{state}.json"
ITEMS = SEED + "/items/{method}/{state}.parquet"
METRICS = SEED + "/metrics/{method}/{state}.parquet"
AROUND = SEED + "/metrics/{around}-{who}/{state}.parquet"
ACROSS = STUDY + "/metrics/{across}/{state}.parquet"  # of all seeds
COST = SEED + "/metrics/cost-{sharding}/{state}.parquet"
COST_OF_METHOD = SEED + "/metrics/cost-{method}/{state}.parquet"
CHOICE = SEED + "/tuning/{method}/{state}.json"
EPSILON = SEED + "/metrics/epsilon-{sharding}/{method}/{state}.parquet"

# What people look at
TABLE = STUDY + "/tables/metrics.parquet"
TABLE_CSV = STUDY + "/tables/metrics.csv"
SUMMARY = STUDY + "/tables/summary.md"
SUMMARY_PAGE = STUDY + "/tables/summary.html"
FINDINGS = STUDY + "/tables/findings.html"
FIGURE = STUDY + "/figures/{figure}.{suffix}"
FIGURE_DATA = STUDY + "/tables/{figure}.csv"
FINGERPRINT = STUDY + "/fingerprints/{request}.json"
CERTIFICATE = STUDY + "/certificates/{request}.json"
VERIFICATION = STUDY + "/verified/{request}.json"
CERTIFICATE_PAGE = STUDY + "/certificates/{request}.html"
CERTIFICATE_SIGNATURE = CERTIFICATE + ".sig"  # as ssh-keygen calls it

# Shared by all studies that make them alike; each is called as recipes.py says
SHARED = RESULTS + "/pretrained"
TOKENIZER = SHARED + "/{tokenizer}"
CORPUS = TOKENIZER + "/corpus/{file}"
RECIPE = SHARED + "/{recipe}"
JUDGE = SHARED + "/{judge}"
EXAMPLES = JUDGE + "/examples/{file}"


def placed(results: str, template: str, **names: object) -> str:
    """A template filled in, below another folder than results/: where a `module` has a prefix."""
    return results + template.format(**names).removeprefix(RESULTS)


# Names of the same form in every study.
SHAPES = {"seed": r"\d+", "sharding": r"\d+x\d+", "shard": r"\d+", "slice": r"\d+"}


def below(template: str) -> str:
    """A template from the folder of a study on."""
    return template.removeprefix(f"{STUDY}/")


def places(template: str) -> str:
    """A glob, below the folder of a study, of all paths of a template."""
    return re.sub(r"\{\w+\}", "*", below(template))


def names(template: str, path: str) -> dict[str, str] | None:
    """The values of the names of a template in a path below the folder of a study; None for a path
    that does not match it."""
    escaped = re.escape(below(template))
    pattern = re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>{SHAPES.get(m[1], '[^/]+')})", escaped)
    match = re.fullmatch(pattern, path)
    return match.groupdict() if match else None


def around(folder: str) -> list[str]:
    """What a folder with weights holds beside them."""
    return [f"{folder}/{name}" for name in WITH_WEIGHTS]
