# Runs: which are active in this folder, what they report, and what they leave when a job fails.
import base64
import logging
import time

from snakemake.jobs import Job
from snakemake.persistence import PersistenceBase
from snakemake_interface_executor_plugins.settings import ExecMode, SharedFSUsage

from palimpsest.engine import asking, cluster, earlier, failures, running, screen, warm
from palimpsest.study import costs, ends
from palimpsest.study.wants.data import (
    changed_sources,
    check_reports,
    check_requests,
    check_splits,
    spelled_alike,
)


def result_folders():
    tops = (*(study.folder for study in STUDIES), STUDIES[0].path(paths.SHARED))
    return (path for top in tops for path, _, _ in os.walk(top))


KILLED = []  # runs by name


def enter_folder():
    """Warn of other runs in this folder. Remove the lock of a run that was killed: Snakemake cannot
    know that nobody holds it any more."""
    if running.entered():
        return  # by another `module` of this run
    if "--unlock" in sys.argv:
        running.disown()
    try:
        alive, killed = running.enter(running.FOLDER)
    except OSError:
        return  # a file system without locks: Snakemake's own check must suffice
    earlier.clear(earlier.FOLDER, alive)
    if alive:
        elsewhere = ", ".join(running.of_other_hosts(alive))
        remedy = (
            f" Whether {elsewhere} lives cannot be seen from this host. If it has ended without a "
            "trace, as a container may, `snakemake --unlock` says so; after an hour without a sign "
            "of it, it counts as ended."
        )
        logger.warning(
            f"Another run is at work in this folder: {', '.join(alive)} (process@host)."
            f"{remedy if elsewhere else ''}"
        )
    KILLED.extend(killed)
    if killed:
        if alive:
            lock = "lock stays until no other run is at work here, then run again: it is removed"
        else:
            lock = "lock is removed"
            for one in Path(".snakemake/locks").glob("*.lock"):
                one.unlink(missing_ok=True)
        logger.warning(
            f"An earlier run in this folder was killed: {', '.join(killed)} (process@host). Its "
            f"{lock}, and what it did not finish is made again; training resumes from its last "
            "checkpoint."
        )


def enter_job():
    """A job on a cluster: it ends once another run is in the place of the one that asked for it, and
    records by itself how its results were made, which it may outlive that run to do."""
    asked_by = cluster.submitted_by()
    if not asked_by or SharedFSUsage.INPUT_OUTPUT not in workflow.storage_settings.shared_fs_usage:
        return
    if cluster.gone(asked_by):
        raise WorkflowError(f"{cluster.ENDED}: nothing is done.")
    cluster.follow(asked_by)
    cleanup, finished = Job.cleanup, PersistenceBase.finished

    async def cleanup_own(self, *given):
        if not cluster.gone(asked_by):
            await cleanup(self, *given)

    async def finished_as_in_the_run(self, job):
        own = workflow.workflow_settings.exec_mode
        workflow.workflow_settings.exec_mode = ExecMode.DEFAULT
        try:
            await finished(self, job)
        finally:
            workflow.workflow_settings.exec_mode = own

    Job.cleanup, PersistenceBase.finished = cleanup_own, finished_as_in_the_run


for study in STUDIES:
    or_stop(check_reports, study)
if workflow.is_main_process:
    if not workflow.output_settings.dryrun:
        or_stop(running.check_writable, [".snakemake", RESULTS])
    enter_folder()
elif workflow.remote_exec:
    enter_job()
# Jobs must not use the warm process of another run, or of the one on a cluster's front end.
STEPS_ARE_COLD = os.environ.pop(asking.VARIABLE, None) == "0"


def jobs_to_run():
    """Rule and reasons of each job that a dry run found."""
    for job in workflow.dag.needrun_jobs(exclude_finished=False):
        reason = workflow.dag.reason(job)
        changed = reason.params_changed
        params = screen.changed_params(changed.only_old, changed.only_new) if changed else []
        names = (name for name in reason.get_names() if name != screen.PARAMS)
        yield job.rule.name, [*names, *params]


def files_of(jobs):
    return {str(path) for job in jobs for path in job.output}


def tell_results():
    """Tell where to look, of what this run was asked for."""
    for line in ends.where_to_look(STUDIES, files_of(workflow.dag.jobs), sys.argv):
        logger.info(line)


def tell_end(nothing_to_do):
    if nothing_to_do:
        tell_results()
        return
    made = files_of(workflow.dag.needrun_jobs(exclude_finished=False))
    served = (line for study in STUDIES for line in costs.told(study, made))
    for line in (*served, *ends.unchecked(STUDIES)):
        logger.info(line)


def put_up_screen():
    """A line a job, where Snakemake itself writes on the screen, and not a plugin for it."""
    handlers = (one for one in logger.handlers if one.name == "DefaultStreamHandler")
    own = next(handlers, logging.NullHandler())
    logger.removeHandler(own)
    logger.addHandler(screen.Screen(own, workflow.output_settings, jobs_to_run, tell_end))


if IS_MAIN and workflow.is_main_process:
    put_up_screen()


def warn_of_changed_sources(study):
    """Warn while the graph is built that a source is no longer what the records were made from."""
    changed = or_stop(changed_sources, study)
    if changed:
        logger.warning(
            f"The source changed since the records were made: {', '.join(changed)}. Run `snakemake "
            "data` first, then `snakemake`: only what holds other records than before is then "
            "trained again."
        )


def warn_of_look_alikes(study):
    """Warn of owners in several spellings before a request deletes the records of one alone."""
    groups = or_stop(spelled_alike, study)
    if groups:
        named = "; ".join(" and ".join(f"{one[:40]!a}" for one in group) for group in groups[:5])
        logger.warning(
            f"{study.name}: {len(groups)} owners stand in the records in several spellings: {named}"
            f"{'; ...' if len(groups) > 5 else ''}. Say in the study whether these are one owner: "
            "`same_owner: normalized`, or `exact`."
        )


def look_up_requests(study):
    """`-n` on a fresh folder reads no source: whom the ledger names is looked up by the first jobs."""
    unknown = or_stop(check_requests, study)
    if unknown and workflow.output_settings.dryrun:
        logger.warning(
            f"{study.name}: the owners of {', '.join(unknown)} are not looked up yet, as there are "
            "no records of the present sources; the first jobs do that, before anything is trained."
        )


def warn_of_lost_records(study):
    """Warn that results are taken as they are: without Snakemake's records of how they were made,
    only their dates count."""
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
        or_stop(check_splits, study)
        look_up_requests(study)
        warn_of_look_alikes(study)
        warn_of_lost_records(study)


def check_cores():
    """Snakemake would wait for ever, and hold its lock."""
    cores = workflow.resource_settings.cores
    if workflow.local_exec and cores is not None and cores < 1:
        raise WorkflowError(
            f"No job can run on {cores} cores. Give --cores 1 or more, or 'all'; `snakemake -n` "
            "shows what would run."
        )


def lift_rate_limit():
    """Jobs on this machine need no limit of submissions per second. With one, Snakemake 9.27
    searches all waiting jobs once a second for every finished job: half a core after 400 of 900
    jobs."""
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def take_over():
    """End what killed runs left on a cluster before this one submits anything, and note by what its own
    jobs are found."""
    for run in KILLED:
        for line in or_stop(cluster.end_left, run, running.queue_of(run)):
            logger.warning(line)
    if not running.at_work():
        running.forget(KILLED)
    executor = workflow.scheduler._executor
    queue = cluster.noted(
        workflow.executor_plugin.name,
        workflow.executor_settings,
        getattr(executor, "run_uuid", None),
    )
    if queue and running.entered():
        running.note_queue(queue)
    if workflow.remote_execution_settings.immediate_submit:
        os.environ.pop(running.VARIABLE, None)  # jobs go on when this run has ended


def retry_what_may_end_otherwise():
    """No second attempt for an error of the user, which is the same at each."""
    handle, began = workflow.scheduler._handle_error, time.time()

    def handle_error(job, *given, **named):
        logs = [log for one in (job.jobs if job.is_group() else [job]) for log in one.log]
        if failures.of_the_user(logs, began):
            job._attempt = max(job.attempt, job.restart_times + 1)
        handle(job, *given, **named)

    workflow.scheduler._handle_error = handle_error


def tell_why_groups_fail():
    """Snakemake drops what its executor says of a group that failed (9.27, GroupJob.log_error)."""
    executor = workflow.scheduler._executor
    tell = executor.print_job_error

    def print_job_error(info, msg=None, **further):
        if info.job.is_group() and (why := failures.reason(msg)):
            logger.error(f"Failed: a group of {len(info.job.jobs)} jobs; {why}")
        tell(info, msg, **further)

    executor.print_job_error = print_job_error


def start_warm():
    """On this machine steps are started from a process that has imported the packages already; it
    ends with this one."""
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
    """Report where jobs will run: a misspelt profile is silently ignored, and everything would run
    on this machine."""
    for study in STUDIES:
        states = ", ".join(study.plan.states)
        states += f" (purged up to {study.plan.purged})" if study.is_purged else ""
        logger.info(f"Study {study.name}, states {states}.")
    # On a cluster there may be no number of cores: `workflow.cores` would ask for one.
    cores = workflow.resource_settings.cores
    machine = f", cores {cores}" if cores else ""
    logger.info(f"Executor {workflow.executor_plugin.name}{machine}.")
    if LEFT_OUT:
        logger.info(f"Left out of the environment, since results follow: {', '.join(LEFT_OUT)}.")


def recorded_at(path):
    """The file in which Snakemake keeps its record of how a result was made; none if it keeps them
    in a database."""
    kept = workflow.persistence
    return kept._record_path(kept._metadata_path, path) if hasattr(kept, "_metadata_path") else None


EARLIER = earlier.Earlier(earlier.FOLDER / running.name(), recorded_at)


def hold_earlier():
    for job in workflow.dag.needrun_jobs():
        EARLIER.hold(workflow.dag.jobid(job), job.output)


def put_back_earlier():
    back, lost = EARLIER.put_back(set(map(workflow.dag.jobid, workflow.dag.finished_jobs)))
    if lost:
        logger.warning(
            "These results of an earlier run could not be put back, since the copies that were "
            f"kept of them are gone or changed: {', '.join(lost[:5])}."
        )
    if back:
        more = f" and {len(back) - 5} more" if len(back) > 5 else ""
        logger.info(
            "What jobs that did not finish would have replaced is as it was: "
            f"{', '.join(back[:5])}{more}."
        )


def tell_failures(logs):
    """Show the end of the log of each job that failed."""
    for names, ending in failures.endings(logs).items():
        logger.error(f"{', '.join(names)} ends with:\n{ending}")
