# From sources to records, slices and sets: where files are, and by what content they count.


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


def records_settings():
    return settings(track=TRACK, **STUDY["data"] | {"reader": READERS[STUDY["data"]["reader"]]})


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
