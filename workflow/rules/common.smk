# What the rules share: the study, its plan, and in common/ functions from wildcards to files and settings. No rule stands here.
import atexit
import base64
import json
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT / "workflow"), os.environ.get("PYTHONPATH", "")])))
# An update frees and asks for the same tens of megabytes again and again. glibc would give them back to the system each time, which took
# a sixth of a small model's update; kept, and in huge pages, they cost nothing, and results are the same to the bit.
os.environ.setdefault(
    "GLIBC_TUNABLES",
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184",
)

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from palimpsest.engine import running
from palimpsest.audit.purges import FILE as PURGED, purged_upto, served
from palimpsest.data.canaries import Canaries
from palimpsest.data.identity import digests, recorded
from palimpsest.data.ledger import START, read_ledger
from palimpsest.data.readers import READERS
from palimpsest.data.shards import parse_sharding
from palimpsest.data.sources import fetched_name, locate_all
from palimpsest.engine.earlier import Earlier
from palimpsest.engine import asking, warm
from palimpsest.engine.asking import modules_named
from palimpsest.engine.memory import MEMORY
from palimpsest.errors import Problem, UserError
from palimpsest.figures import FIGURES
from palimpsest.methods.registry import METHODS, facts, is_method, method_of, name_pattern
from palimpsest.methods.settings import at_once, both_orders, option, options_of, same_at_first
from palimpsest.metrics import described
from palimpsest.models.folder import loaded_files
from palimpsest.study.plan import SINGLE, Plan
from palimpsest.engine.provenance import code_digest
from palimpsest.randomness import seed_of
from palimpsest.study.load import load_study, served_shardings, together, tokenizer_of
from palimpsest.tracks import SCORERS, TRACKS

if not MEMORY.path:
    MEMORY.open(Path(".snakemake/palimpsest.json"))
    atexit.register(MEMORY.save)

try:
    STUDY = load_study(config, ROOT / "config", workflow.overwrite_configfiles)
    RESULTS = f"results/{STUDY['study']}"
    RECIPE = STUDY["pretraining"].get(STUDY["model"].get("recipe"), {})
    TOKENIZER = tokenizer_of(STUDY)
    CORPUS = STUDY["tokenizers"].get(TOKENIZER, {"corpus": []})["corpus"]
    REQUESTS, SOURCES, CORPUS = together(
        lambda: read_ledger(STUDY["ledger"]),
        lambda: locate_all(STUDY["data"].get("sources", []), STUDY["mirror"], Path()),
        lambda: locate_all([source for source in CORPUS if "lexicon" not in source], STUDY["mirror"], Path()),
    )
    CORPORA = {TOKENIZER: CORPUS}
    SERVED = served_shardings(STUDY)
    PLAN = Plan(
        STUDY | {"sharding": SERVED}, REQUESTS, purged_upto(Path(RESULTS), REQUESTS, STUDY["salt"], STUDY["ledger"])
    )
except UserError as error:
    raise WorkflowError(str(error))

NAME = STUDY["study"]
MAIN = workflow.modifier.is_main_snakefile()  # not a study that is made beside another one
TRACK = STUDY["track"]
HEAD = {"classes": STUDY["data"]["classes"]} if TRACK == "classification" else {}
# What a step that encodes texts or builds a model is told of it.
MODEL = {key: value for key, value in STUDY["model"].items() if TRACK == "causal" or key != "prompt"}
ENCODING = {key: MODEL[key] for key in ("max_length", "prompt") if key in MODEL}
SEED = "results/{study}/seed{seed}"
SPACE = Canaries(**STUDY["data"]["canaries"]).space if "canaries" in STUDY["data"] else 0
START_FILES = (
    loaded_files(Path(STUDY["model"]["init"])) if STUDY["model"]["init"] not in ("scratch", "pretrained") else []
)
MODEL_NAME = STUDY["model"].get("architecture", Path(STUDY["model"]["init"]).name)


wildcard_constraints:
    study=NAME,
    seed=r"\d+",
    sharding=r"\d+x\d+",
    shard=r"\d+",
    slice=r"\d+",
    version=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    request=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    state=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    checkpoint=r"base|oracle/[^/]+|teachers/\d+x\d+/\d+/\d+/[^/]+",
    model=rf"teachers-\d+x\d+|{name_pattern()}",
    set=r"heldout|trained|forget-[A-Za-z0-9_-]+",
    method=name_pattern(),
    beside="forget|extra",
    figure="|".join(FIGURES),
    tokenizer=TOKENIZER or "(?!)",
    recipe=STUDY["model"].get("recipe", "(?!)"),


# One GPU job at a time on one machine, unless --resources gpu=N says more; a cluster's profile sets the scope to local.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


def settings(**values):
    """Settings of a step as one plain, sorted string: equal values are equal params, whatever the YAML looks like.

    A brace before a word, which JSON has inside texts alone, is written by its code: Snakemake would take it for a wildcard.
    """
    return re.sub(r"\{(?=\s*\w)", r"\\u007b", json.dumps(values, sort_keys=True, ensure_ascii=False))


@cache
def code(step, told=""):
    """Digest of what a step's code does, and the modules that its settings name."""
    return code_digest(f"palimpsest.steps.{step}", *modules_named(told))


def code_for(step, told):
    """The same where the settings depend on wildcards."""
    return lambda wildcards: code(step, told(wildcards))


def owners_digest(owners):
    return f"{len(owners)} owners, {seed_of(*owners):016x}" if owners else "nobody"


def memory(megabytes):
    """Memory that grows with each attempt, so that a retry repairs what was too little."""
    return lambda wildcards, attempt: megabytes * attempt


include: "common/runs.smk"
include: "common/data.smk"
include: "common/training.smk"
include: "common/scores.smk"
include: "common/unlearning.smk"
include: "common/numbers.smk"
include: "common/certificates.smk"
include: "common/targets.smk"
