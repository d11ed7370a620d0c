# What the rules share: the study, its plan, and functions from wildcards to files and settings. No rule stands here.
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

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from palimpsest import running
from palimpsest.audit.purges import FILE as PURGED, purged_upto, served
from palimpsest.data.identity import digests, recorded
from palimpsest.data.ledger import START, read_ledger
from palimpsest.data.shards import parse_sharding
from palimpsest.data.sources import fetched_name, locate_all
from palimpsest.earlier import Earlier
from palimpsest.errors import Problem, UserError
from palimpsest.figures import FIGURES
from palimpsest.methods.registry import METHODS
from palimpsest.models.folder import loaded_files
from palimpsest.plan import SINGLE, Plan
from palimpsest.provenance import code_digest
from palimpsest.randomness import seed_of
from palimpsest.study import load_study, together

try:
    STUDY = load_study(config, ROOT / "config", workflow.overwrite_configfiles)
    RESULTS = f"results/{STUDY['study']}"
    CORPUS = STUDY["tokenizers"].get(STUDY["model"].get("tokenizer"), {"corpus": []})["corpus"]
    REQUESTS, SOURCES, CORPUS = together(
        lambda: read_ledger(STUDY["ledger"]),
        lambda: locate_all(STUDY["data"].get("sources", []), STUDY["mirror"], Path()),
        lambda: locate_all([source for source in CORPUS if "lexicon" not in source], STUDY["mirror"], Path()),
    )
    CORPORA = {STUDY["model"].get("tokenizer"): CORPUS}
    PLAN = Plan(STUDY, REQUESTS, purged_upto(Path(RESULTS), REQUESTS, STUDY["salt"], STUDY["ledger"]))
except UserError as error:
    raise WorkflowError(str(error))

NAME = STUDY["study"]
SEED = "results/{study}/seed{seed}"
START_FILES = loaded_files(Path(STUDY["model"]["init"])) if STUDY["model"]["init"] != "scratch" else []
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
    model=r"base|oracle|teachers-\d+x\d+",
    set=r"heldout|forget-[A-Za-z0-9_-]+",
    method="|".join(METHODS),
    figure="|".join(FIGURES),
    tokenizer=r"[a-z0-9][a-z0-9_-]*",


# One GPU job at a time on one machine, unless --resources gpu=N says more; a cluster's profile sets the scope to local.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", 1)


def settings(**values):
    """Settings of a step as one plain, sorted string: equal values are equal params, whatever the YAML looks like.

    A brace before a word, which JSON has inside texts alone, is written by its code: Snakemake would take it for a wildcard.
    """
    return re.sub(r"\{(?=\s*\w)", r"\\u007b", json.dumps(values, sort_keys=True, ensure_ascii=False))


@cache
def code(step, *modules):
    """Digest of what a step's code does."""
    return code_digest(f"palimpsest.steps.{step}", *modules)


def owners_digest(owners):
    return f"{len(owners)} owners, {seed_of(*owners):016x}" if owners else "nobody"


# --- runs ---------------------------------------------------------------------------------------------------------


def check_writable(folders):
    """Say before anything runs that folders take no files; those that are not there yet are made by Snakemake."""
    closed = [path for path in folders if os.path.isdir(path) and not os.access(path, os.W_OK | os.X_OK)]
    if closed:
        remedy = "give this user the right to write there (chmod, chown), or run in another folder"
        raise WorkflowError(
            str(UserError(Problem("the folder cannot be written to", path, remedy=remedy) for path in closed))
        )


def result_folders():
    return (path for top in (RESULTS, "results/pretrained") for path, _, _ in os.walk(top))


def enter_folder():
    """Say who else is at work here. Of a run that was killed, take away the lock: Snakemake cannot know that nobody holds it any more."""
    try:
        alive, killed = running.enter(Path(".snakemake/runs"))
    except OSError:
        return  # a file system without locks: what Snakemake says of its own has to do
    if alive:
        logger.warning(f"Another run is at work in this folder: {', '.join(alive)} (process@host).")
    elif killed:
        for lock in Path(".snakemake/locks").glob("*.lock"):
            lock.unlink(missing_ok=True)
        logger.warning(
            f"An earlier run in this folder was killed: {', '.join(killed)} (process@host). Its lock is removed, and what it did not "
            "finish is made again; training resumes from its last checkpoint."
        )


def check_reports():
    """Reports that hold what sources were, read while the graph is built: a broken one is told here, without Snakemake's wrapping."""
    try:
        for path in (f"{RESULTS}/data/records.json", *(f"results/pretrained/{name}/corpus.json" for name in CORPORA)):
            recorded(Path(path))
    except UserError as error:
        raise WorkflowError(str(error))


check_reports()
if workflow.is_main_process:
    if not workflow.output_settings.dryrun:
        check_writable([".snakemake", "results"])
    enter_folder()
elif workflow.remote_exec:
    os.environ.pop(running.VARIABLE, None)  # a job on a cluster may outlive the run that asked for it


# --- data ---------------------------------------------------------------------------------------------------------


def located(sources, folder):
    """Files of sources: local ones where they are, others where they are fetched to."""
    return [
        path
        for source, paths in sources
        for path in (map(str, paths) if paths is not None else [f"{folder}/{fetched_name(source)}"])
    ]


def fetched(sources, folder):
    """The files that are inputs. A local one is none: it counts by its content, wherever it lies and whatever its date."""
    return located([source for source in sources if source[1] is None], folder)


def content(sources, folder, report):
    """Digests of local files. One that is fetched stands for itself: where it comes from is a setting, and a purge may have removed it."""
    here = located([source for source in sources if source[1] is not None], folder)
    found = digests(here, recorded(Path(report)))
    return [found.get(path, path) for path in located(sources, folder)]


def source_of(function, *arguments):
    return function(SOURCES, f"{RESULTS}/data/source", *arguments)


def corpus_of(wildcards, function, *arguments):
    name = wildcards.tokenizer
    return function(CORPORA.get(name, []), f"results/pretrained/{name}/corpus", *arguments)


def source_content(wildcards=None):
    return source_of(content, f"{RESULTS}/data/records.json")


def source_option(wildcards, input):
    """Derived from `input`, as the place of the ledger is below: the same files in another place are no reason to run."""
    return f"--source {shlex.join(source_of(located))}"


def corpus_content(wildcards):
    return corpus_of(wildcards, content, f"results/pretrained/{wildcards.tokenizer}/corpus.json")


def corpus_option(wildcards, input):
    return f"--corpus {shlex.join(corpus_of(wildcards, located))}"


def fetchable(wildcards):
    """The source that a file to be fetched stands for."""
    folder = getattr(wildcards, "tokenizer", None)
    for source, paths in CORPORA.get(folder, []) if folder else SOURCES:
        if paths is None and fetched_name(source) == wildcards.file:
            return settings(**{key: value for key, value in source.items() if key != "mirror"})
    raise WorkflowError(f"no source of the study is fetched to {wildcards.file}")


def warn_of_changed_sources():
    """Say while the graph is built that a source is no longer what the records were made from."""
    known = {path: digest for path, (_, _, digest) in recorded(Path(f"{RESULTS}/data/records.json")).items()}
    now = dict(zip(source_of(located), source_content()))
    changed = [path for path, digest in now.items() if path != digest and known.get(path, digest) != digest]
    if changed:
        logger.warning(
            f"The source changed since the records were made: {', '.join(changed)}. Run `snakemake data` first, then `snakemake`: "
            "only what holds other records than before is then trained again."
        )


def warn_of_lost_records():
    """Say that results are taken as they are: without Snakemake's records of how they were made, their dates are all there is to go by."""
    if str(getattr(workflow.workflow_settings, "persistence_backend", "file")) != "file":
        return
    for path in (f"{RESULTS}/data/records.parquet", f"{RESULTS}/tables/metrics.parquet"):
        record = base64.urlsafe_b64encode(path.encode()).decode()
        if Path(path).exists() and not any(
            Path(".snakemake", kind, record).exists() for kind in ("metadata", "incomplete")
        ):
            logger.warning(
                f"There are results in {RESULTS}, but Snakemake's records of how they were made (in .snakemake/) are gone. The results are "
                "taken as they are, by their dates alone: later changes of code, settings or ledger would go unnoticed. If they were made by "
                "the present ones, run `snakemake --cores 1 --touch --forceall` once; if you are not sure, `snakemake --forceall` makes all anew."
            )
            return


warn_of_changed_sources()
if workflow.is_main_process:
    warn_of_lost_records()


def ledger_option(wildcards, input):
    """Where the ledger lies. Derived from `input`, so that Snakemake takes another place for no reason to run: whom a request names is one."""
    return f"--ledger {shlex.quote(STUDY['ledger'])}" if STUDY["ledger"] else ""


def purged_option(wildcards, input):
    """Whom a purge removed: they do not come back when the records are made again. A purge is no reason to make them again."""
    return f"--purged {RESULTS}/{PURGED} {ledger_option(wildcards, input)}" if PLAN.purged != START else ""


def request_files(wildcards):
    """Evidence that the owners of all requests up to a version were there."""
    version = getattr(wildcards, "version", None) or wildcards.state
    return [f"{RESULTS}/requests/{name}.json" for name in PLAN.names[1 : PLAN.order[version] + 1]]


def slice_owners(wildcards):
    w = wildcards
    return owners_digest(PLAN.owners_in(int(w.seed), w.sharding, int(w.shard), int(w.slice), w.version))


def request_owners(wildcards):
    name = getattr(wildcards, "request", None) or getattr(wildcards, "set").removeprefix("forget-")
    return owners_digest(next((sorted(request.owners) for request in PLAN.requests if request.name == name), []))


def forgotten(wildcards):
    """Digest of everybody who is forgotten in a state."""
    return owners_digest(
        sorted(owner for request in PLAN.requests[: PLAN.order[wildcards.state]] for owner in request.owners)
    )


# --- training -----------------------------------------------------------------------------------------------------


def checkpoint_of(wildcards):
    if PLAN.gone(int(wildcards.seed), wildcards.checkpoint):
        raise WorkflowError(
            f"{wildcards.checkpoint} learnt from text that was purged ({RESULTS}/{PURGED}): it cannot be made again."
        )
    sharding, shard, stage, version = PLAN.parse(wildcards.checkpoint)
    return PLAN.checkpoint(int(wildcards.seed), sharding, shard, stage, version)


def slices_of(wildcards):
    return [f"{RESULTS}/seed{wildcards.seed}/shards/{part}.parquet" for part in checkpoint_of(wildcards).slices]


def slice_digests_of(wildcards):
    return [str(Path(path).with_suffix(".json")) for path in slices_of(wildcards)]


def previous_of(wildcards):
    previous = checkpoint_of(wildcards).previous
    return [f"{RESULTS}/seed{wildcards.seed}/{previous}/model.safetensors"] if previous else []


def start_of(wildcards):
    """What a checkpoint without a previous one starts from: the tokenizer that this workflow trained, or a local model folder."""
    if checkpoint_of(wildcards).previous:
        return []
    if STUDY["model"]["init"] == "scratch":
        return [f"results/pretrained/{STUDY['model']['tokenizer']}/tokenizer.json"]
    return list(map(ancient, map(str, START_FILES)))


@cache
def start_digests():
    """Of a local model folder; a training that began from it wrote them down, so that they need not be computed each time."""
    reports = (Path(f"{RESULTS}/seed{seed}/{name}/training.json") for seed, name in checkpoints_in(PLAN.latest))
    return list(digests(START_FILES, next(filter(None, map(recorded, reports)), {})).values())


def start_content(wildcards):
    return start_digests() if START_FILES and not checkpoint_of(wildcards).previous else []


def start_options(wildcards):
    previous = checkpoint_of(wildcards).previous
    if previous:
        return f"--previous {RESULTS}/seed{wildcards.seed}/{previous}"
    if STUDY["model"]["init"] == "scratch":
        return f"--tokenizer results/pretrained/{STUDY['model']['tokenizer']}"
    return ""


def train_settings(wildcards):
    sharding, shard, stage, _ = PLAN.parse(wildcards.checkpoint)
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        sharding=sharding,
        shard=shard,
        stage=stage,
        slices=parse_sharding(sharding)[1],
        classes=STUDY["data"]["classes"],
        model=STUDY["model"],
        training={key: value for key, value in STUDY["training"].items() if key != "checkpoint_seconds"},
    )


def saving_option(wildcards, input):
    """How often a training saves its state. Derived from `input`: no bit of the model depends on it."""
    return f"--checkpoint-seconds {STUDY['training']['checkpoint_seconds']}"


def tokenizer_settings(wildcards):
    return settings(**STUDY["tokenizers"][wildcards.tokenizer])


def tokenizer_code(wildcards):
    corpus = STUDY["tokenizers"][wildcards.tokenizer]["corpus"]
    return code("tokenizer", *(f"palimpsest.data.{source['lexicon']}" for source in corpus if "lexicon" in source))


# --- scores -------------------------------------------------------------------------------------------------------


def score_model(sharding, version):
    """Folder below scores/ of the teachers of a sharding."""
    if sharding != SINGLE:
        return f"teachers-{sharding}"
    return "base" if version == START else "oracle"


def score_sharding(wildcards):
    return wildcards.model.removeprefix("teachers-") if wildcards.model.startswith("teachers-") else SINGLE


def scored_teachers(wildcards):
    """Shard -> checkpoint, of the models that one score file is about.

    A request that comes after a purge finds fewer of them; the held-out scores of those that are gone were made before.
    """
    found = PLAN.teachers(int(wildcards.seed), score_sharding(wildcards), wildcards.version)
    if wildcards.set == "heldout":
        return found
    return {shard: name for shard, name in found.items() if not PLAN.gone(int(wildcards.seed), name)}


def scored_models(wildcards):
    return [f"{RESULTS}/seed{wildcards.seed}/{name}/model.safetensors" for name in scored_teachers(wildcards).values()]


def score_settings(wildcards):
    return settings(
        sharding=score_sharding(wildcards),
        shards=list(scored_teachers(wildcards)),
        classes=STUDY["data"]["classes"],
        max_length=STUDY["model"]["max_length"],
        batch_size=STUDY["evaluation"]["batch_size"],
        threads=STUDY["training"]["threads"],
        gpus=STUDY["training"]["gpus"],
    )


def score_files(seed, sharding, state, set_="heldout"):
    """Scores of an ensemble in a state, oldest version first; later ones take precedence shard by shard."""
    return [
        f"{RESULTS}/seed{seed}/scores/{score_model(sharding, version)}/{version}/{set_}.parquet"
        for version in PLAN.ensemble_versions(int(seed), sharding, state)
    ]


# --- decisions and numbers ----------------------------------------------------------------------------------------

COMPARES = STUDY["requests"] == "all"


def methods_in(state, purged=PLAN.purged):
    """Methods that are evaluated in a state: before any request the oracle is the base; `latest` keeps neither, a purge leaves no base."""
    needs = {"teachers"}
    if COMPARES:
        needs |= ({"base"} if purged == START else set()) | ({"oracle"} if state != START else set())
    return [name for name in STUDY["methods"] if METHODS[name].needs in needs]


def numbers_in(state, purged=PLAN.purged):
    """Names of the files of numbers about a state, in a study that was purged up to ``purged``."""
    age = PLAN.order[state] - PLAN.order[purged]
    names = [f"{method}/{state}" for method in methods_in(state, purged)] if age >= 0 else []
    if COMPARES and age > 0:
        shardings = sorted({SINGLE, *STUDY["sharding"]})
        names += [f"{kind}-{sharding}/{state}" for kind in ("membership", "cost") for sharding in shardings]
    return names


# Nothing makes what was purged: its numbers are files that stay as they are.
FROZEN = [name for state in PLAN.names for name in numbers_in(state, START) if name not in numbers_in(state)]
LIVE_METHOD = rf"(?!(?:{'|'.join(map(re.escape, FROZEN))})\.)(?:{'|'.join(METHODS)})" if FROZEN else "|".join(METHODS)
COMPARED_STATE = "|".join(PLAN.names[PLAN.order[PLAN.purged] + 1 :]) or "(?!)"


def decide_scores(wildcards):
    needs = METHODS[wildcards.method].needs
    if needs == "base":
        return score_files(wildcards.seed, SINGLE, START)
    shardings = STUDY["sharding"] if needs == "teachers" else [SINGLE]
    return [path for sharding in shardings for path in score_files(wildcards.seed, sharding, wildcards.state)]


def fairness_settings(without):
    return {key: value for key, value in STUDY["fairness"].items() if key != without}


def decide_settings(wildcards):
    method = METHODS[wildcards.method]
    return settings(
        implementation=method.module,
        fitted=method.fitted,
        state=wildcards.state,
        fairness=fairness_settings(without="epsilon_curve") if method.fitted else {},
    )


def decide_code(wildcards):
    return code("decide", METHODS[wildcards.method].module)


def decision_files(seed, method, state):
    return f"{RESULTS}/seed{seed}/decisions/{method}/{state}.parquet"


def oracle_decisions(wildcards):
    """The oracle's decisions in the same state, where it is another model than the base."""
    if "oracle" not in methods_in(wildcards.state):
        return []
    return [decision_files(wildcards.seed, "oracle", wildcards.state)]


def oracle_option(wildcards):
    return " ".join(f"--oracle {path}" for path in oracle_decisions(wildcards))


def measure_settings(wildcards):
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        method=wildcards.method,
        state=wildcards.state,
        model=MODEL_NAME,
        families=sorted(STUDY["groups"]),
        classes=STUDY["data"]["classes"],
        bootstrap=STUDY["evaluation"]["bootstrap"],
        level=STUDY["evaluation"]["level"],
        cost_fp=STUDY["fairness"]["cost_fp"],
        cost_fn=STUDY["fairness"]["cost_fn"],
    )


def before(state):
    return PLAN.names[PLAN.order[state] - 1]


def forget_before(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, before(wildcards.state), f"forget-{wildcards.state}")


def forget_after(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, wildcards.state, f"forget-{wildcards.state}")


def heldout_before(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, before(wildcards.state))


def heldout_after(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, wildcards.state)


def membership_settings(wildcards):
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        state=wildcards.state,
        methods={
            when: score_model(SINGLE, state) if wildcards.sharding == SINGLE else "sisa_mean"
            for when, state in (("before", before(wildcards.state)), ("after", wildcards.state))
        },
        model=MODEL_NAME,
        bootstrap=STUDY["evaluation"]["bootstrap"],
        level=STUDY["evaluation"]["level"],
    )


def trained_reports(wildcards):
    names = PLAN.trained_for(int(wildcards.seed), wildcards.sharding, wildcards.state)
    return [f"{RESULTS}/seed{wildcards.seed}/{name}/training.json" for name in names]


def cost_settings(wildcards):
    return settings(
        study=NAME,
        seed=int(wildcards.seed),
        state=wildcards.state,
        sharding=wildcards.sharding,
        epochs=STUDY["training"]["epochs"],
        model=MODEL_NAME,
    )


def epsilon_scores(wildcards):
    return score_files(wildcards.seed, wildcards.sharding, wildcards.state)


def epsilon_settings(wildcards):
    return settings(
        seed=int(wildcards.seed),
        method=wildcards.method,
        implementation=METHODS[wildcards.method].module,
        state=wildcards.state,
        sharding=wildcards.sharding,
        fairness=fairness_settings(without="eps"),
    )


def metric_files(wildcards=None):
    """Every file of numbers that the table is made of; of those that a purge froze, the ones that are there."""
    files = {
        f"{RESULTS}/seed{seed}/metrics/{name}.parquet": name in FROZEN
        for seed in PLAN.seeds
        for state in PLAN.shown
        for name in numbers_in(state, START)
    }
    return [path for path, frozen in files.items() if not frozen or Path(path).is_file()]


def epsilon_files(wildcards=None):
    """Cost over the allowed gap, in the newest state, of each FairSISA rule that is asked for."""
    methods = [name for name in methods_in(PLAN.latest) if METHODS[name].fitted and METHODS[name].needs == "teachers"]
    return [
        f"{RESULTS}/seed{seed}/metrics/epsilon-{sharding}/{method}/{PLAN.latest}.parquet"
        for seed in PLAN.seeds
        for sharding in STUDY["sharding"]
        for method in methods
    ]


# --- certificates -------------------------------------------------------------------------------------------------


def fingerprint_tokenizer(wildcards):
    """The tokenizer that this workflow trained: what it does not know of a text is missing where its ids are read."""
    name = STUDY["model"].get("tokenizer")
    return ancient(f"results/pretrained/{name}/tokenizer.json") if name else []


def certified_state(request):
    """The state whose models a certificate speaks of: that of its request, or the newest where no other is kept."""
    return request if COMPARES else PLAN.latest


def certificate_file(request, suffix="json"):
    return f"{RESULTS}/certificates/{request}.{suffix}"


def live(request):
    """A certificate that was filed stays as it is once its state is purged, or is no longer the newest of those that keep no other; unless
    the ledger names other owners now."""
    if COMPARES or request.name == PLAN.latest:
        return True
    try:
        return not served(Path(certificate_file(request.name)), request, STUDY["salt"])
    except UserError as error:
        raise WorkflowError(str(error))


LIVE = [request.name for request in PLAN.requests[PLAN.order[PLAN.purged] :] if live(request)]
LIVE_CERTIFICATES = "|".join(LIVE) or "(?!)"


def certificate_files():
    """All certificates and their pages: those that are made, and those that are there."""
    return [
        certificate_file(name, suffix)
        for name in PLAN.names[1:]
        if name in LIVE or Path(certificate_file(name)).is_file()
        for suffix in ("json", "html")
    ]


def certified_reports(wildcards):
    pairs = checkpoints_in(certified_state(wildcards.request))
    return [f"{RESULTS}/seed{seed}/{name}/training.json" for seed, name in dict.fromkeys(pairs)]


def certified_metrics(wildcards):
    state = certified_state(wildcards.request)
    return [f"{RESULTS}/seed{seed}/metrics/{name}.parquet" for seed in PLAN.seeds for name in numbers_in(state)]


def audit_settings():
    chosen = {key: STUDY[key] for key in ("study", "salt", "seeds", "sharding", "requests")}
    return chosen | {"sources": STUDY["data"].get("sources", []), "tokenizer": STUDY["model"].get("tokenizer")}


def certificate_settings(wildcards):
    state, level = certified_state(wildcards.request), STUDY["evaluation"]["level"]
    return settings(state=state, level=level, **audit_settings())


# --- targets ------------------------------------------------------------------------------------------------------


def figure_names():
    """Figures that have something to show in this study."""
    shown = {
        "tradeoff": bool(STUDY["fairness"]["groups"]),
        "groups": bool(STUDY["fairness"]["groups"]),
        "shards": bool(STUDY["groups"]) and len(STUDY["sharding"]) > 1,
        "cost": COMPARES and PLAN.latest != START,
        "epsilon": bool(epsilon_files()),
        "membership": COMPARES and PLAN.latest != START,
    }
    return [name for name in FIGURES if shown[name]]


def table_files():
    return [f"{RESULTS}/tables/{name}" for name in ("metrics.parquet", "metrics.csv", "summary.md")]


def figure_files():
    return [f"{RESULTS}/figures/{name}.{suffix}" for name in figure_names() for suffix in STUDY["figures"]["formats"]]


def checkpoints_in(state):
    """(seed, checkpoint name) of every stage that a state is made of."""
    return ((seed, checkpoint.name) for seed, checkpoint in PLAN.checkpoints(state))


def teacher_files():
    names = dict.fromkeys(pair for state in PLAN.states for pair in checkpoints_in(state))
    return [f"{RESULTS}/seed{seed}/{name}/model.safetensors" for seed, name in names]


def data_files():
    """Records, the slices that checkpoints are made of, and the sets that they are scored on."""
    files = {f"{RESULTS}/data/index.parquet", f"{RESULTS}/sets/heldout.json"}
    if COMPARES:
        files |= {f"{RESULTS}/sets/forget-{name}.json" for name in PLAN.names[PLAN.order[PLAN.purged] + 1 :]}
    for seed, checkpoint in (pair for state in PLAN.states for pair in PLAN.checkpoints(state)):
        files |= {f"{RESULTS}/seed{seed}/shards/{part}.json" for part in checkpoint.slices}
    return sorted(files)


# --- resources ----------------------------------------------------------------------------------------------------


def memory(megabytes):
    """Memory that grows with each attempt, so that a retry repairs what was too little."""
    return lambda wildcards, attempt: megabytes * attempt


# --- scheduling ---------------------------------------------------------------------------------------------------


def lift_rate_limit():
    """Jobs on this machine need no limit of submissions a second. With one, Snakemake 9.27 looks through all waiting jobs again once a
    second for every job that has finished: half a core after 400 jobs of 900."""
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


# --- what is told -------------------------------------------------------------------------------------------------


def tell_start():
    """Where jobs will run: a misspelt profile is ignored in silence, and everything would run on this machine."""
    states = ", ".join(PLAN.states)
    states += f" (purged up to {PLAN.purged})" if PLAN.purged != START else ""
    logger.info(f"Study {NAME}, states {states}; executor {workflow.executor_plugin.name}, cores {workflow.cores}.")


def recorded_at(path):
    """The file in which Snakemake keeps its record of how a result was made; none if it keeps them in a database."""
    kept = workflow.persistence
    return kept._record_path(kept._metadata_path, path) if hasattr(kept, "_metadata_path") else None


EARLIER = Earlier(Path(".snakemake/earlier"), recorded_at)


def hold_earlier():
    EARLIER.drop()
    for job in workflow.dag.needrun_jobs():
        EARLIER.hold(workflow.dag.jobid(job), job.output)


def put_back_earlier():
    back = EARLIER.put_back(set(map(workflow.dag.jobid, workflow.dag.finished_jobs)))
    if back:
        more = f" and {len(back) - 5} more" if len(back) > 5 else ""
        logger.info(f"What jobs that did not finish would have replaced is as it was: {', '.join(back[:5])}{more}.")


def tell_failures(logs):
    """What each job that failed says in its log, so that nobody has to look for it; what several say is said once."""
    text = "\n".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in logs)
    said = {}
    for path in dict.fromkeys(re.findall(r"^\s+log: (\S+) \(check log file", text, flags=re.MULTILINE)):
        if Path(path).is_file():
            lines = Path(path).read_text(encoding="utf-8", errors="replace").strip().split("\n")
            told = [
                number for number, line in enumerate(lines) if re.match(r"palimpsest \w+: \d+ problems? found", line)
            ]
            said.setdefault("\n".join(lines[told[-1] if told else -20 :]), []).append(path)
    for ending, paths in said.items():
        logger.error(f"{', '.join(paths)} ends with:\n{ending}")
