"""Remove what the audit finds. Without --yes nothing is touched: what would go is told, and why."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from palimpsest.audit.actions import actions, newest, purge
from palimpsest.audit.arguments import add_study, plan_of
from palimpsest.audit.certificate import checked, last_purge, now
from palimpsest.audit.fingerprints import load, save
from palimpsest.audit.page import page
from palimpsest.audit.purges import owners_of, served
from palimpsest.audit.scan import MEMORY, fingerprint_file, scan, study_folder
from palimpsest.errors import Problem, UserError
from palimpsest.files import keeping_date, read_json, write_json, write_text
from palimpsest.methods.registry import facts, is_method
from palimpsest.methods.shown import tell
from palimpsest.metrics import METRICS


def add_arguments(parser) -> None:
    add_study(parser)
    parser.add_argument(
        "--yes", action="store_true", help="do it; earlier states are then gone for good"
    )
    parser.add_argument(
        "--drop-fingerprints",
        action="store_true",
        help="then forget the passages' hashes, too: later audits go by names and models",
    )


def run(args) -> None:
    """settings: none; the study is named by the user."""
    plan, sources = plan_of(args)
    requests = plan.names[1:]
    check_ready(plan)
    doing = actions(plan, scan(plan, requests, sources))
    check_safe(plan, doing)
    for one in doing:
        print(one)
    counts = Counter(one.what for one in doing)
    told = (
        ", ".join(
            f"{counts[what]} to {what}" for what in ("remove", "rewrite", "leave") if counts[what]
        )
        or "nothing to do"
    )
    if not args.yes:
        print(
            f"Dry run: {told}. Earlier states will be gone for good. `palimpsest purge --yes` "
            "does it."
        )
        return
    if counts["remove"] + counts["rewrite"]:
        names = frozenset().union(
            *(load(fingerprint_file(plan, name), plan.study["salt"]).names for name in requests)
        )
        purge(plan, doing, now(), names)
    left = scan(plan, requests, sources)
    update_certificates(plan, left)
    missed = [
        finding.path
        for finding in left.findings
        if finding.path not in {str(one.path) for one in doing if one.what == "leave"}
    ]
    if missed:
        remedy = "run the purge again; if they come back, something else writes them"
        problems = [
            Problem("still holds something of the forgotten", path, remedy=remedy)
            for path in dict.fromkeys(missed)
        ]
        raise UserError(problems, done=f"what could be purged was: {told}")
    if args.drop_fingerprints:
        for name in requests:
            with keeping_date(fingerprint_file(plan, name)) as path:
                save(load(path, plan.study["salt"]).without_passages(), path)
    print(
        f"Purged: {told}. The audit finds nothing else of {', '.join(requests)} in {left.files} "
        "files."
    )


def check_ready(plan) -> None:
    """A UserError where there is nothing to purge yet, or where results are not those of the ledger
    as it is now."""
    where = str(study_folder(plan))
    if len(plan.names) == 1:
        raise UserError(
            Problem(
                "there is no request to purge after",
                where,
                remedy="append one to the ledger, and run snakemake",
            )
        )
    locks = MEMORY / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        raise UserError(
            Problem(
                "Snakemake is running here, or was killed",
                str(locks),
                remedy="wait for it, or run `snakemake --unlock`",
            )
        )
    expected = {
        name: study_folder(plan) / "certificates" / f"{name}.json" for name in plan.names[1:]
    }
    missing = [
        name
        for name, path in expected.items()
        if not path.is_file() or not fingerprint_file(plan, name).is_file()
    ]
    if missing:
        remedy = "run snakemake first: a purge leaves only what is needed from here on"
        raise UserError(
            Problem("requests without a certificate", where, ", ".join(missing), remedy=remedy)
        )
    salt = plan.study["salt"]
    known = {
        request.name: list(load(fingerprint_file(plan, request.name), salt).owners)
        for request in plan.requests
    }
    changed = [
        one.name
        for one in plan.requests
        if not served(expected[one.name], one, salt) or known[one.name] != owners_of(one, salt)
    ]
    if changed:
        what, remedy = (
            "the ledger names other owners than were served",
            "put them back, or run snakemake first, which serves them",
        )
        raise UserError(Problem(what, where, ", ".join(changed), remedy=remedy))


def check_safe(plan, doing) -> None:
    """A UserError where a purge would leave a file that a link leads to, or take one that the
    newest state is made of."""
    links = [one for one in doing if one.what != "leave" and one.path.is_symlink()]
    if links:
        what, remedy = (
            "a link to a file that holds something of the forgotten",
            "move that file to the place of the link, or remove both yourself, then purge",
        )
        raise UserError(
            Problem(what, str(one.path), f"leads to {one.path.resolve()}", remedy=remedy)
            for one in links
        )
    made_of = newest(plan)
    held = [one for one in doing if one.what == "remove" and one.path.as_posix() in made_of]
    if held:
        remedy = (
            "run `snakemake data` and `snakemake`; if it still does, remove the file and run again"
        )
        what = "the newest state is made of this file, and it holds something of the forgotten"
        raise UserError(
            Problem(what, str(one.path), ", ".join(one.kinds), remedy=remedy) for one in held
        )


def update_certificates(plan, left) -> None:
    """Each certificate says what was purged and what is left now; dates stay, so nothing is made
    again."""
    report = left.as_dict()
    for name in plan.names[1:]:
        path: Path = study_folder(plan) / "certificates" / f"{name}.json"
        findings = [finding for finding in report["findings"] if name in finding["requests"]]
        unmarked = {
            request: count for request, count in report["unmarked"].items() if request == name
        }
        remains = report | {
            "findings": findings,
            "unmarked": unmarked,
            "blind": [one for one in report["blind"] if one == name],
        }
        certificate = checked(
            read_json(path) | {"remains": remains, "purged": last_purge(plan, name)}
        )
        with keeping_date(path):
            write_json(path, certificate)
        html = path.with_suffix(".html")
        if html.is_file():
            with keeping_date(html):
                tell(facts(filter(is_method, {row["method"] for row in certificate["metrics"]})))
                write_text(
                    html,
                    page(certificate, {name: metric.summary for name, metric in METRICS.items()}),
                )
