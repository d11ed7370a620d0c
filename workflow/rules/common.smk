# What the rules share: the study, its plan, and functions from wildcards to files and settings. No rule stands here.
import json
import os
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT / "workflow"), os.environ.get("PYTHONPATH", "")])))

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from palimpsest.data.identity import digests, recorded
from palimpsest.data.ledger import START, read_ledger
from palimpsest.data.shards import parse_sharding
from palimpsest.data.sources import fetched_name, locate
from palimpsest.errors import UserError
from palimpsest.figures import FIGURES
from palimpsest.methods.registry import METHODS
from palimpsest.plan import SINGLE, Plan
from palimpsest.provenance import code_digest
from palimpsest.randomness import seed_of
from palimpsest.study import load_study

try:
    STUDY = load_study(config, ROOT / "config")
    PLAN = Plan(STUDY, read_ledger(STUDY["ledger"]))
    SOURCES = [(source, locate(source, STUDY["mirror"], Path())) for source in STUDY["data"].get("sources", [])]
    CORPORA = {
        name: [
            (source, locate(source, STUDY["mirror"], Path()))
            for source in tokenizer["corpus"]
            if "lexicon" not in source
        ]
        for name, tokenizer in STUDY["tokenizers"].items()
        if name == STUDY["model"].get("tokenizer")
    }
except UserError as error:
    raise WorkflowError(str(error))

NAME = STUDY["study"]
RESULTS = f"results/{NAME}"
SEED = "results/{study}/seed{seed}"
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
    """Settings of a step as one plain, sorted string: equal values are equal params, whatever the YAML looks like."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False)


def code(step, *modules):
    """Digest of what a step's code does."""
    return code_digest(f"palimpsest.steps.{step}", *modules)


def owners_digest(owners):
    return f"{len(owners)} owners, {seed_of(*owners):016x}" if owners else "nobody"


# --- data ---------------------------------------------------------------------------------------------------------


def located(sources, folder):
    """Files of sources: local ones where they are, others where they are fetched to.

    A local one counts by its content (params.content), never by its date.
    """
    return [
        path
        for source, paths in sources
        for path in (map(ancient, map(str, paths)) if paths is not None else [f"{folder}/{fetched_name(source)}"])
    ]


def source_files(wildcards=None):
    return located(SOURCES, f"{RESULTS}/data/source")


def corpus_files(wildcards):
    return located(CORPORA.get(wildcards.tokenizer, []), f"results/pretrained/{wildcards.tokenizer}/corpus")


def content(files, report):
    """Digests of local files; the name stands for one that is still to be fetched."""
    here = [path for path in files if Path(path).is_file()]
    found = digests(here, recorded(Path(report)))
    return [found.get(path, path) for path in files]


def source_content(wildcards=None):
    return content(source_files(), f"{RESULTS}/data/records.json")


def corpus_content(wildcards):
    return content(corpus_files(wildcards), f"results/pretrained/{wildcards.tokenizer}/corpus.json")


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
    now = dict(zip(source_files(), source_content()))
    changed = [path for path, digest in now.items() if path in known and known[path] != digest]
    if changed:
        logger.warning(
            f"The source changed since the records were made: {', '.join(changed)}. Run `snakemake data` first, then `snakemake`: "
            "only what holds other records than before is then trained again."
        )


warn_of_changed_sources()


def ledger_option(wildcards, input):
    """Where the ledger lies. Derived from `input`, so that Snakemake takes another place for no reason to run: whom a request names is one."""
    return f"--ledger {shlex.quote(STUDY['ledger'])}" if STUDY["ledger"] else ""


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
    weights = Path(STUDY["model"]["init"]) / "model.safetensors"
    return [str(weights)] if weights.is_file() else []


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
        training=STUDY["training"],
    )


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
    """Shard -> checkpoint, of the models that one score file is about."""
    return PLAN.teachers(int(wildcards.seed), score_sharding(wildcards), wildcards.version)


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


def methods_in(state):
    """Methods that are evaluated in a state: before any request the oracle is the base; `latest` keeps neither."""
    needs = {"teachers"} | ({"base"} if COMPARES else set()) | ({"oracle"} if COMPARES and state != START else set())
    return [name for name in STUDY["methods"] if METHODS[name].needs in needs]


def decide_scores(wildcards):
    needs = METHODS[wildcards.method].needs
    if needs == "base":
        return score_files(wildcards.seed, SINGLE, START)
    shardings = STUDY["sharding"] if needs == "teachers" else [SINGLE]
    return [path for sharding in shardings for path in score_files(wildcards.seed, sharding, wildcards.state)]


def fairness_settings():
    return {key: value for key, value in STUDY["fairness"].items() if key != "epsilon_curve"}


def decide_settings(wildcards):
    method = METHODS[wildcards.method]
    return settings(
        implementation=method.module, fitted=method.fitted, state=wildcards.state, fairness=fairness_settings()
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
        method="oracle" if wildcards.sharding == SINGLE else "sisa_mean",
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
        fairness=STUDY["fairness"],
    )


def metric_files(wildcards=None):
    """Every file of numbers that the table is made of."""
    files = []
    for seed in PLAN.seeds:
        folder = f"{RESULTS}/seed{seed}/metrics"
        for state in PLAN.states:
            files += [f"{folder}/{method}/{state}.parquet" for method in methods_in(state)]
            if COMPARES and state != START:
                shardings = sorted({SINGLE, *STUDY["sharding"]})
                files += [f"{folder}/membership-{sharding}/{state}.parquet" for sharding in shardings]
                files += [f"{folder}/cost-{sharding}/{state}.parquet" for sharding in shardings]
    return files


def epsilon_files(wildcards=None):
    """Cost over the allowed gap, in the newest state, of each FairSISA rule that is asked for."""
    methods = [name for name in methods_in(PLAN.latest) if METHODS[name].fitted and METHODS[name].needs == "teachers"]
    return [
        f"{RESULTS}/seed{seed}/metrics/epsilon-{sharding}/{method}/{PLAN.latest}.parquet"
        for seed in PLAN.seeds
        for sharding in STUDY["sharding"]
        for method in methods
    ]


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
    for seed in PLAN.seeds:
        for sharding in sorted({*STUDY["sharding"], *([SINGLE] if COMPARES else [])}):
            shards, slices = parse_sharding(sharding)
            for shard in range(1, shards + 1):
                for stage in range(1, slices + 1):
                    yield seed, PLAN.checkpoint(seed, sharding, shard, stage, state).name


def teacher_files():
    names = dict.fromkeys(pair for state in PLAN.states for pair in checkpoints_in(state))
    return [f"{RESULTS}/seed{seed}/{name}/model.safetensors" for seed, name in names]


def data_files():
    """Records, the slices that checkpoints are made of, and the sets that they are scored on."""
    files = {f"{RESULTS}/data/index.parquet", f"{RESULTS}/sets/heldout.json"}
    if COMPARES:
        files |= {f"{RESULTS}/sets/forget-{request.name}.json" for request in PLAN.requests}
    for seed, name in dict.fromkeys(pair for state in PLAN.states for pair in checkpoints_in(state)):
        for part in PLAN.checkpoint(seed, *PLAN.parse(name)).slices:
            files.add(f"{RESULTS}/seed{seed}/shards/{part}.json")
    return sorted(files)


# --- resources ----------------------------------------------------------------------------------------------------


def memory(megabytes):
    """Memory that grows with each attempt, so that a retry repairs what was too little."""
    return lambda wildcards, attempt: megabytes * attempt


# --- what is told -------------------------------------------------------------------------------------------------


def tell_start():
    """Where jobs will run: a misspelt profile is ignored in silence, and everything would run on this machine."""
    states = ", ".join(PLAN.states)
    logger.info(f"Study {NAME}, states {states}; executor {workflow.executor_plugin.name}, cores {workflow.cores}.")


def tell_failures(logs):
    """The last lines of the log of each job that failed, so that nobody has to look for them."""
    text = "\n".join(Path(path).read_text(encoding="utf-8", errors="replace") for path in logs)
    failed = dict.fromkeys(re.findall(r"^\s+log: (\S+) \(check log file", text, flags=re.MULTILINE))
    for path in failed:
        if Path(path).is_file():
            tail = Path(path).read_text(encoding="utf-8", errors="replace").strip().split("\n")[-20:]
            logger.error("\n".join([f"{path} ends with:", *tail]))
