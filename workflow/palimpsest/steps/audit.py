"""Search for traces of forgotten records: in results/, in Snakemake's own folder and in caches of
the study's sources."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from palimpsest.audit.arguments import add_study, plan_of
from palimpsest.audit.look import KINDS, Report
from palimpsest.audit.scan import scan
from palimpsest.engine import running
from palimpsest.errors import Problem, UserError
from palimpsest.files import write_json


def add_arguments(parser) -> None:
    add_study(parser)
    parser.add_argument("--output", type=Path, help="json to write the findings to")
    parser.add_argument(
        "--check",
        action="store_true",
        help="end with status 1 if anything was found or could not be looked into",
    )


def run(args) -> None:
    """settings (from a rule): those of `palimpsest.audit.arguments`."""
    plan, sources = plan_of(args)
    if not plan.folder.is_dir():
        what, remedy = "there are no results to look into", "run where they lie, or make them first"
        raise UserError(Problem(what, str(plan.folder), f"in {Path.cwd()}", remedy=remedy))
    report = scan(plan, plan.names[1:], sources)
    print(as_text(report, plan.names[1:]))
    writing = running.at_work()
    if writing:
        print(
            f"Another run is at work in this folder ({', '.join(writing)}): what it writes "
            "meanwhile was not looked into. Look again once it has ended."
        )
    if args.output:
        write_json(args.output, report.as_dict())
    if args.check and (report.findings or report.unread or writing):
        sys.exit(1)


def as_text(report: Report, requests: list[str]) -> str:
    """The findings as lines of text; they never quote a passage."""
    lines = [
        f"{finding.path}: {KINDS[finding.kind]} ({', '.join(finding.requests)}; {finding.count} "
        "found)"
        for finding in report.findings
    ]
    lines += [f"{path}: not looked into, {why}" for path, why in report.unread.items()]
    lines += [
        f"request {name}: its text is not known any more; only names, places and models were "
        "looked for"
        for name in report.blind
    ]
    lines += [
        f"request {name}: {count} records say nothing that retained ones do not say as well"
        for name, count in report.unmarked.items()
    ]
    counts = Counter(finding.kind for finding in report.findings)
    by_kind = (
        ", ".join(f"{counts[kind]} with {KINDS[kind]}" for kind in KINDS if counts[kind])
        or "nothing"
    )
    lines.append(
        f"Looked for {len(requests)} requests in {report.files} files ({report.bytes / 1e6:.0f} "
        f"MB). Found: {by_kind}."
    )
    return "\n".join(lines)
