# What the rules share: the studies of this run, and how a rule asks them. No rule is defined here.
# What jobs need is plain Python with its tests: workflow/palimpsest/study/wants/, one class per
# rule; every path is defined in workflow/palimpsest/study/paths.py.
import atexit
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace


include: "source.smk"


from snakemake.common import get_function_params, overwrite_function_params
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import GroupSettings

from palimpsest.attacks import registry as attacks
from palimpsest.engine.environment import settle
from palimpsest.engine.memory import MEMORY
from palimpsest.errors import UserError
from palimpsest.plots.registry import FIGURES
from palimpsest.methods.registry import name_pattern
from palimpsest.study import paths
from palimpsest.study.load import load_studies, together
from palimpsest.study.resources import UNKNOWN_PARAMETERS, Estimates
from palimpsest.study.study import Study
from palimpsest.study.submissions import group_of
from palimpsest.study.wants import WANTS, shared, targets
from palimpsest.study.wants.scores import score_log, scored_together

# What jobs must not take from the environment of this run: Python and glibc read theirs when a
# step starts.
LEFT_OUT = settle(os.environ)

if not MEMORY.path:
    MEMORY.open(Path(".snakemake/palimpsest.json"))
    atexit.register(MEMORY.save)


def or_stop(check, *given):
    """The answer of a check; its errors are shown without Snakemake's wrapping."""
    try:
        return check(*given)
    except UserError as error:
        raise WorkflowError(str(error))


# Whether this is the workflow itself, and no `module` of another one, which may have a prefix: below
# which folder Snakemake puts results/ is asked of it, and all else follows from that.
IS_MAIN = workflow.modifier.is_main_snakefile()
prefixed = workflow.modifier.path_modifier.replace_prefix
RESULTS = os.path.dirname(prefixed(paths.SHARED))
CONFIGS = or_stop(load_studies, config, ROOT / "config", workflow.overwrite_configfiles)
STUDIES = or_stop(together, *(lambda one=one: Study(one, RESULTS) for one in CONFIGS))
for study in STUDIES:
    if prefixed(paths.RECORDS.format(study=study.name)) != study.path(paths.RECORDS):
        raise WorkflowError(
            "`replace_prefix` of this module moves a part of results/ alone. Move all of it, as in "
            "replace_prefix: {'results/': 'forgetting/'}; or give a `prefix`."
        )
OWNERS = or_stop(shared.owners, STUDIES)
BY_NAME = {study.name: study for study in STUDIES}
ESTIMATES = {study: Estimates(study) for study in STUDIES}
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
WITH_ATTACK = rf"{name_pattern()}(?:{re.escape(attacks.AFTER)}{attacks.name_pattern()})?"
SHARED_RULES = {"tokenizer": "tokenizer", "recipe": "pretrain", "judge": "judge"}


def made_here(kind, template, file):
    """The tokenizers, recipes or judges of these studies, without those that rules of another `module`
    make already: what several import stands once."""
    mine = workflow.modifier.modify_rulename(SHARED_RULES[kind])
    others = [one for one in workflow.rules if one.name != mine]
    names = {name: study for study in STUDIES for name in shared.called(study, kind)}
    return [
        name
        for name, study in names.items()
        if not any(
            one.is_producer(f"{study.path(template, **{kind: name})}/{file}") for one in others
        )
    ]


wildcard_constraints:
    study=targets.pattern(STUDIES),
    seed=r"\d+",
    sharding=r"\d+x\d+",
    shard=r"\d+",
    slice=r"\d+",
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
    across=targets.any_of(study.track.across for study in STUDIES if study.track.across),
    who=rf"\d+x\d+|{name_pattern()}",
    tokenizer=targets.any_of(made_here("tokenizer", paths.TOKENIZER, paths.TOKENIZER_FILE)),
    recipe=targets.any_of(made_here("recipe", paths.RECIPE, paths.WEIGHTS)),
    judge=targets.any_of(made_here("judge", paths.JUDGE, paths.WEIGHTS)),


# One GPU job at a time on one machine, unless --resources gpu=N says more; a cluster's profile sets
# the scope to local.
# In a submission of several jobs four are at work at once, on as many cores and with as much memory
# as four ask for: a node knows neither the profile nor, always, which of its cores are meant.
for name, most in {"gpu": 1, "slots": 4}.items():
    if name not in workflow.global_resources:
        workflow.register_resource(name, most)


def study_of(wildcards):
    """The study of a job; for files that several studies may share, the one that owns them."""
    if "study" in wildcards.keys():
        return BY_NAME[wildcards.study]
    return OWNERS[wildcards.get("tokenizer") or wildcards.get("recipe") or wildcards.get("judge")]


@cache
def want(rule, study):
    return WANTS[rule](study)


def ask(rule, question, wildcards, fixed):
    """An answer of the study of a job; `fixed`: values in place of its wildcards."""
    about = SimpleNamespace(**fixed) if fixed else wildcards
    try:
        return getattr(want(rule, study_of(wildcards)), question)(about)
    except UserError as error:
        raise WorkflowError(str(error))


def files(rule, **fixed):
    """The inputs of a job. The dates of some are no reason to run again. Only inputs that the
    command names have a name, and a single file is no list: Snakemake makes an object of each named
    list."""
    undated, named = WANTS[rule].undated, WANTS[rule].named

    def inputs(wildcards):
        given, others = {}, []
        for name, some in ask(rule, "inputs", wildcards, fixed).items():
            some = in_place(some)
            some = [*map(ancient, some)] if name in undated else some
            if name in named:
                given[name] = some[0] if len(some) == 1 else some
            else:
                others += some
        return {**given, "": others}

    return unpack(looked_at(inputs))


def in_place(some):
    """Paths as rules spell them. In a module with a prefix Snakemake puts it before each path: it
    stands before those of results already, and belongs before no file of a user."""
    if RESULTS == paths.RESULTS:
        return some
    top = f"{RESULTS}/"
    return [
        f"{paths.RESULTS}/{path.removeprefix(top)}" if path.startswith(top) else local(path)
        for path in some
    ]


def looked_at(function):
    """Snakemake inspects the parameters of a function a dozen times a job, a tenth of the time in
    which it builds a graph. Setting them once avoids this."""
    overwrite_function_params(function, get_function_params(function))
    return function


def settings(rule, **fixed):
    """The settings of the step as one plain, sorted string, so that equal values are equal."""
    return looked_at(lambda wildcards: ask(rule, "settings_json", wildcards, fixed))


def counts(rule, **fixed):
    """Further reasons to run again: digests of code, owners, sources."""
    of_all = WANTS[rule].counts_alike()
    return of_all or looked_at(lambda wildcards: ask(rule, "counts", wildcards, fixed))


def arguments(rule):
    """Further arguments. Derived from `input`, so that they are no reason for Snakemake to run:
    they say where files are that count elsewhere, or how a job is run."""
    return looked_at(lambda wildcards, input: ask(rule, "arguments", wildcards, {}))


def audit_command(study):
    audit = want("audit", study)
    chosen = shlex.quote(audit.settings_json(None))
    return f"python -m palimpsest audit --settings {chosen} {audit.arguments(None)}"


def submission(rule):
    """The group of the jobs of a rule, where a profile says how much of each group is submitted
    together."""

    def group(wildcards):
        settings = workflow.group_settings  # known since the Snakefile was read
        if workflow.remote_exec and settings.local_groupid != GroupSettings().local_groupid:
            # Here, on a node, a submission is one group again, whose jobs share its cores. Slurm's
            # plugin would start what belongs to different groups one after another.
            settings.group_components = {"submission": sys.maxsize}
            return "submission"
        together = settings.group_components
        return group_of(rule, ESTIMATES[study_of(wildcards)], wildcards) if together else None

    return looked_at(group)


def alike(of):
    """The value of `of` for all studies, where they agree; else for the study of a job."""
    answers = [of(study) for study in STUDIES]
    agree = answers.count(answers[0]) == len(answers)
    return answers[0] if agree else lambda w: of(study_of(w))


THREADS = alike(lambda study: study.config["training"]["threads"])
GPUS = alike(lambda study: study.config["training"]["gpus"])


def memory(asked, tables=0, sources=0):
    """Memory of a job in megabytes: so many, or what the study estimates of a rule that loads a
    model; and more for each megabyte of the tables and of the sources that it reads. Grows with
    each attempt, in case it was too little."""
    return growing(asked, "mem_mb", tables, sources)


def minutes(asked, tables=0, sources=0):
    """Time of a job, in the same way."""
    return growing(asked, "minutes", tables, sources)


def growing(asked, what, tables, sources):
    def needed(wildcards, input, attempt):
        least = asked
        if isinstance(asked, str):
            least = getattr(ESTIMATES[study_of(wildcards)].of(asked, wildcards), what)
        grown = tables * size(input, ".parquet") if tables else 0
        if sources:
            grown += sources * size(targets.source_files(study_of(wildcards), wildcards.keys()))
        return attempt * (least + round(grown / 1e6))

    return looked_at(needed)


def tell_unknown_sizes():
    """What jobs ask a cluster for rests upon a guess, where a model is not fetched yet."""
    for study, estimates in ESTIMATES.items():
        if not (workflow.local_exec or estimates.is_known):
            logger.warning(
                f"{study.name}: {study.model_name} is not fetched yet, so its size is not known: "
                f"jobs ask for what a model of {UNKNOWN_PARAMETERS:,} parameters takes. Fetch it, "
                "or tell `model.parameters`."
            )


def size(paths, suffix=""):
    """Bytes of files. Those that are not there yet count when the job is about to run."""
    return sum(
        os.path.getsize(one) for one in paths if one.endswith(suffix) and os.path.isfile(one)
    )


def of_all(target):
    """The files of a target, of all studies."""
    return in_place([path for study in STUDIES for path in or_stop(target, study)])


include: "runs.smk"
include: "report.smk"
