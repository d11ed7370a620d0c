# Runs: who is at work in this folder, what they tell, and what they leave when a job fails.
import base64

from palimpsest.engine import asking, failures, running, warm
from palimpsest.engine.earlier import Earlier
from palimpsest.study.wants.data import changed_sources, check_reports


def result_folders():
    tops = (*(study.folder for study in STUDIES), paths.SHARED)
    return (path for top in tops for path, _, _ in os.walk(top))


def enter_folder():
    """Say who else is at work here. Of a run that was killed, take away the lock: Snakemake cannot
    know that nobody holds it any more."""
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
            f"An earlier run in this folder was killed: {', '.join(killed)} (process@host). Its "
            "lock is removed, and what it did not finish is made again; training resumes from its "
            "last checkpoint."
        )


for study in STUDIES:
    or_stop(check_reports, study)
if workflow.is_main_process:
    if not workflow.output_settings.dryrun:
        or_stop(running.check_writable, [".snakemake", "results"])
    enter_folder()
elif workflow.remote_exec:
    os.environ.pop(
        running.VARIABLE, None
    )  # a job on a cluster may outlive the run that asked for it
# What another run keeps, or the one on a cluster's front end, is its own.
STEPS_ARE_COLD = os.environ.pop(asking.VARIABLE, None) == "0"


def warn_of_changed_sources(study):
    """Say while the graph is built that a source is no longer what the records were made from."""
    changed = or_stop(changed_sources, study)
    if changed:
        logger.warning(
            f"The source changed since the records were made: {', '.join(changed)}. Run `snakemake "
            "data` first, then `snakemake`: only what holds other records than before is then "
            "trained again."
        )


def warn_of_lost_records(study):
    """Say that results are taken as they are: without Snakemake's records of how they were made,
    their dates are all there is to go by."""
    if str(getattr(workflow.workflow_settings, "persistence_backend", "file")) != "file":
        return
    for path in (study.path(paths.RECORDS), study.path(paths.TABLE)):
        record = base64.urlsafe_b64encode(path.encode()).decode()
        kept = (Path(".snakemake", kind, record) for kind in ("metadata", "incomplete"))
        if Path(path).exists() and not any(place.exists() for place in kept):
            logger.warning(
                f"There are results in {study.folder}, but Snakemake's records of how they were "
                "made (in .snakemake/) are gone. The results are taken as they are, by their dates "
                "alone: later changes of code, settings or ledger would go unnoticed. If they were "
                "made by the present ones, run `snakemake --cores 1 --touch --forceall` once; if "
                "you are not sure, `snakemake --forceall` makes all anew."
            )
            return


for study in STUDIES:
    warn_of_changed_sources(study)
    if workflow.is_main_process:
        warn_of_lost_records(study)


def lift_rate_limit():
    """Jobs on this machine need no limit of submissions a second. With one, Snakemake 9.27 looks
    through all waiting jobs again once a second for every job that has finished: half a core after
    400 jobs of 900."""
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def start_warm():
    """On this machine steps are started from a process that has imported already; it ends with this
    one."""
    if workflow.local_exec and workflow.is_main_process and not STEPS_ARE_COLD:
        try:
            process = warm.start()
        except OSError as error:
            logger.warning(
                f"No process could be kept to start steps from, which takes longer: {error}"
            )
            return
        if process:
            atexit.register(warm.end, process)


def tell_start():
    """Where jobs will run: a misspelt profile is ignored in silence, and everything would run on
    this machine."""
    for study in STUDIES:
        states = ", ".join(study.plan.states)
        states += f" (purged up to {study.plan.purged})" if study.is_purged else ""
        logger.info(f"Study {study.name}, states {states}.")
    logger.info(f"Executor {workflow.executor_plugin.name}, cores {workflow.cores}.")


def recorded_at(path):
    """The file in which Snakemake keeps its record of how a result was made; none if it keeps them
    in a database."""
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
        logger.info(
            "What jobs that did not finish would have replaced is as it was: "
            f"{', '.join(back[:5])}{more}."
        )


def tell_failures(logs):
    """What each job that failed says in its log, so that nobody has to look for it."""
    for told, ending in failures.endings(logs).items():
        logger.error(f"{', '.join(told)} ends with:\n{ending}")
