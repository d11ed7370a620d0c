"""The graph of a dry run: ``python wiring.py FILE ARGUMENTS`` writes its jobs as JSON, each with
its rule, the jobs that it needs, what it asks for, and the submission that it belongs to."""

from __future__ import annotations

import json
import sys

import snakemake.cli
from snakemake.dag import DAG


def jobs_of(dag: DAG) -> list[dict]:
    """Jobs, a list; ``needs`` are places in it. A job is submitted with those of the same
    ``submission``; None runs where Snakemake runs."""
    jobs = list(dag.needrun_jobs(exclude_finished=False))
    place = {job: number for number, job in enumerate(jobs)}
    rows = []
    for job, number in place.items():
        together = dag.get_job_group(job)
        first = number if together is None else min(place[one] for one in together.jobs)
        stays = job.rule.name in dag.workflow._localrules or job.rule.norun
        rows.append({
            "rule": job.rule.name,
            "group": job.group,
            "submission": None if stays and together is None else first,
            "needs": [place[one] for one in dag._dependencies[job] if one in place],
            "resources": numbers(job.resources),
            "of_submission": numbers(together.resources) if together else numbers(job.resources),
        })  # fmt: skip
    return rows


def numbers(resources) -> dict[str, int]:
    return {name: one for name, one in resources.items() if isinstance(one, int)}


def main(file: str, *arguments: str) -> None:
    told = DAG.stats

    def stats(dag):
        with open(file, "w", encoding="utf-8") as out:
            json.dump(jobs_of(dag), out)
        return told(dag)

    DAG.stats = stats
    snakemake.cli.main(["--dry-run", *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
