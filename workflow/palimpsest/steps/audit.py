"""Look for what is left of the forgotten: below results/, in Snakemake's own folder, in caches of
the study's sources."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from palimpsest.audit.arguments import add_study, plan_of
from palimpsest.audit.look import KINDS, Report
from palimpsest.audit.scan import scan
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
    report = scan(plan, plan.names[1:], sources)
    print(told(report, plan.names[1:]))
    if args.output:
        write_json(args.output, report.as_dict())
    if args.check and (report.findings or report.unread):
        sys.exit(1)


def told(report: Report, requests: list[str]) -> str:
    """The findings in lines; never a passage itself."""
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
    found = (
        ", ".join(f"{counts[kind]} with {KINDS[kind]}" for kind in KINDS if counts[kind])
        or "nothing"
    )
    lines.append(
        f"Looked for {len(requests)} requests in {report.files} files ({report.bytes / 1e6:.0f} "
        f"MB). Found: {found}."
    )
    return "\n".join(lines)
