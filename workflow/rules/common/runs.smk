# Runs: who is at work in this folder, what they tell, and what they leave when a job fails.


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
if not MAIN:
    pass  # the study beside which this one is made has looked
elif workflow.is_main_process:
    if not workflow.output_settings.dryrun:
        check_writable([".snakemake", "results"])
    enter_folder()
elif workflow.remote_exec:
    os.environ.pop(running.VARIABLE, None)  # a job on a cluster may outlive the run that asked for it
# What another run keeps, or the one on a cluster's front end, is its own.
STEPS_ARE_COLD = os.environ.pop(asking.VARIABLE, None) == "0"


def lift_rate_limit():
    """Jobs on this machine need no limit of submissions a second. With one, Snakemake 9.27 looks through all waiting jobs again once a
    second for every job that has finished: half a core after 400 jobs of 900."""
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def start_warm():
    """On this machine steps are started from a process that has imported already; it ends with this one."""
    if workflow.local_exec and workflow.is_main_process and not STEPS_ARE_COLD:
        try:
            process = warm.start()
        except OSError as error:
            logger.warning(f"No process could be kept to start steps from, which takes longer: {error}")
            return
        if process:
            atexit.register(warm.end, process)


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
