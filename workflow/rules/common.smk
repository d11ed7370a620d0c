# What the rules share: the studies of this run, and how a rule asks them. No rule stands here.
# What jobs need is plain Python, with tests of its own: workflow/palimpsest/study/wants/, a class
# a rule; the spelling of every path is workflow/palimpsest/study/paths.py.
import atexit
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(ROOT / "workflow"), os.environ.get("PYTHONPATH", "")])
    )
)
# An update frees and asks for the same tens of megabytes again and again. glibc would give them
# back to the system each time, which took a sixth of a small model's update; kept, and in huge
# pages, they cost nothing, and results are the same to the bit.
os.environ.setdefault(
    "GLIBC_TUNABLES",
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296"
    ":glibc.malloc.trim_threshold=17179869184",
)

from snakemake.common import get_function_params, overwrite_function_params
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from palimpsest.attacks import registry as attacks
from palimpsest.engine.memory import MEMORY
from palimpsest.errors import UserError
from palimpsest.figures import FIGURES
from palimpsest.methods.registry import name_pattern
from palimpsest.study import paths
from palimpsest.study.load import load_studies, together
from palimpsest.study.study import Study
from palimpsest.study.wants import WANTS, shared, targets
from palimpsest.study.wants.scores import score_log, scored_together

if not MEMORY.path:
    MEMORY.open(Path(".snakemake/palimpsest.json"))
    atexit.register(MEMORY.save)


def or_stop(check, *given):
    """The answer of a check. What is wrong is told without Snakemake's wrapping."""
    try:
        return check(*given)
    except UserError as error:
        raise WorkflowError(str(error))


CONFIGS = or_stop(load_studies, config, ROOT / "config", workflow.overwrite_configfiles)
STUDIES = or_stop(together, *(lambda one=one: Study(one) for one in CONFIGS))
OWNERS = or_stop(shared.owners, STUDIES)
BY_NAME = {study.name: study for study in STUDIES}
config["studies"] = [*BY_NAME]  # for the report
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
WITH_ATTACK = rf"{name_pattern()}(?:{re.escape(attacks.AFTER)}{attacks.name_pattern()})?"


wildcard_constraints:
    study=targets.pattern(STUDIES),
    seed=r"\d+",
    sharding=r"\d+x\d+",
    shard=r"\d+",
    slice=r"\d+",
    version=NAME,
    request=NAME,
    state=NAME,
    checkpoint=r"base|oracle/[^/]+|teachers/\d+x\d+/\d+/\d+/[^/]+",
    model=rf"teachers-\d+x\d+|{WITH_ATTACK}",
    set=r"heldout|trained|forget-[A-Za-z0-9_-]+",
    method=WITH_ATTACK,
    attacked=name_pattern(),
    attack=attacks.name_pattern(),
    auxiliary=r"[a-z0-9][a-z0-9_-]*",
    share=r"[0-9][0-9.]*(e-[0-9]+)?",
    around=targets.any_of(kind for study in STUDIES for kind in study.track.around),
    who=rf"\d+x\d+|{name_pattern()}",
    tokenizer=targets.any_of(study.tokenizer for study in STUDIES),
    recipe=targets.any_of(study.recipe for study in STUDIES),


# One GPU job at a time on one machine, unless --resources gpu=N says more; a cluster's profile sets
# the scope to local.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


def study_of(wildcards):
    """The study of a job; of what several studies may share, the one that owns it."""
    if "study" in wildcards.keys():
        return BY_NAME[wildcards.study]
    return OWNERS[wildcards.get("tokenizer") or wildcards.get("recipe")]


@cache
def want(rule, study):
    return WANTS[rule](study)


def ask(rule, question, wildcards, known):
    """An answer of the study of a job; `known` stands for wildcards that its rule lacks."""
    about = SimpleNamespace(**known) if known else wildcards
    try:
        return getattr(want(rule, study_of(wildcards)), question)(about)
    except UserError as error:
        raise WorkflowError(str(error))


def files(rule, **known):
    """The inputs that a study wants for a job. Some are no reason to run again by their date. Only
    those have names that the command calls by them, and one file is no list: Snakemake makes an
    object of each list that has a name."""
    undated, named = WANTS[rule].undated, WANTS[rule].named

    def found(wildcards):
        given, others = {}, []
        for name, some in ask(rule, "inputs", wildcards, known).items():
            some = [*map(ancient, some)] if name in undated else some
            if name in named:
                given[name] = some[0] if len(some) == 1 else some
            else:
                others += some
        return {**given, "": others}

    return unpack(looked_at(found))


def looked_at(function):
    """Snakemake looks a dozen times a job at what a function takes, a tenth of the time in which it
    builds a graph. Told once, it need not look."""
    overwrite_function_params(function, get_function_params(function))
    return function


def settings(rule, **known):
    """What the step is told, as one string: plain, sorted, so that equal values are equal."""
    return looked_at(lambda wildcards: ask(rule, "told", wildcards, known))


def counts(rule, **known):
    """What counts beside settings and inputs: digests of code, owners, sources."""
    of_all = WANTS[rule].counts_alike()
    return of_all or looked_at(lambda wildcards: ask(rule, "counts", wildcards, known))


def arguments(rule):
    """Further arguments. Derived from `input`, so that Snakemake takes them for no reason to run:
    they say where something lies that counts elsewhere, or how a job is run."""
    return looked_at(lambda wildcards, input: ask(rule, "arguments", wildcards, {}))


def audit_command(study):
    told, where = want("audit", study).told(None), want("audit", study).arguments(None)
    return f"python -m palimpsest audit --settings {shlex.quote(told)} {where}"


def alike(of):
    """What `of` says of each study, where they agree; else what it says of that of a job."""
    found = [of(study) for study in STUDIES]
    return found[0] if found.count(found[0]) == len(found) else lambda w: of(study_of(w))


THREADS = alike(lambda study: study.config["training"]["threads"])
GPUS = alike(lambda study: study.config["training"]["gpus"])


def memory(megabytes, models=0, tables=0, sources=0):
    """Memory of a job in megabytes: what it needs by itself, and more for each megabyte of the
    models, of the tables and of the sources that it reads. Grows with each attempt, so that a retry
    repairs what was too little."""

    def needed(wildcards, input, attempt):
        grown = models * size(input, ".safetensors") + tables * size(input, ".parquet")
        if sources:
            grown += sources * size(targets.source_files(study_of(wildcards), wildcards.keys()))
        return attempt * (megabytes + round(grown / 1e6))

    return looked_at(needed)


def size(paths, suffix=""):
    """Bytes of files. Those that are not there yet count when the job is about to run."""
    return sum(
        os.path.getsize(one) for one in paths if one.endswith(suffix) and os.path.isfile(one)
    )


def of_all(target):
    """The files of a target, of all studies."""
    return [path for study in STUDIES for path in or_stop(target, study)]


include: "runs.smk"
