"""The last lines of a run: where to look, what the summary warns of, and what a dry run did not
check."""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterable
from pathlib import Path

from palimpsest.report.warnings import warnings_in
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.data import records_made
from palimpsest.study.wants.targets import figure_files

MOST_WARNINGS = 5
OF_STUDIES = ("--config", "-C", "--configfile", "--configfiles")


def where_to_look(studies: Iterable[Study], asked: Container[str], argv: list[str]) -> list[str]:
    """Lines about the files of studies that a run was ``asked`` for; argv: its command, by which a
    report is of the same studies."""
    lines, reported = [], []
    for study in studies:
        if study.path(paths.SUMMARY) not in asked:
            report = study.path(paths.RECORDS_REPORT)
            lines += [f"{study.name}: {report} counts what was read"] if report in asked else []
            continue
        there = [study.path(paths.SUMMARY)]
        if any(path in asked for path in figure_files(study)):
            there.append(f"{study.folder}/figures/")
            reported.append(study)
        if study.plan.requests and _certified(study, asked):
            there.append(f"{study.folder}/certificates/")
        lines += [f"{study.name}: {', '.join(there)}", *_warnings(study)]
    if reported:
        command = ["snakemake", "--report", f"{reported[0].folder}/report.html"]
        lines.append(f"All on one page: {shlex.join([*command, *config_of(argv)])}")
    return lines


def _certified(study: Study, asked: Container[str]) -> bool:
    names = (request.name for request in study.plan.requests)
    return any(study.path(paths.CERTIFICATE, request=name) in asked for name in names)


def _warnings(study: Study) -> list[str]:
    found = warnings_in(Path(study.path(paths.SUMMARY_PAGE)))
    more = len(found) - MOST_WARNINGS
    rest = [f"  and {more} warnings more, in the summary"] if more > 0 else []
    return [*(f"  {warning}" for warning in found[:MOST_WARNINGS]), *rest]


def config_of(argv: list[str]) -> list[str]:
    """The options of a command that say which studies it is about, with their values."""
    chosen, taking = [], False
    for word in argv:
        taking = word.partition("=")[0] in OF_STUDIES if word.startswith("-") else taking
        chosen += [word] if taking else []
    return chosen


def unchecked(studies: Iterable[Study]) -> list[str]:
    """What `-n` says of studies of whose present sources there are no records."""
    names = [study.name for study in studies if not records_made(study)]
    return names and [
        f"`-n` checked the YAML of {', '.join(names)}, not the data: `snakemake data` reads and "
        "checks those, before anything is trained."
    ]
