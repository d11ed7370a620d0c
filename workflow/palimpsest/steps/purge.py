"""Remove what the audit finds. Without --yes nothing is changed: it lists what would go, and
why."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from palimpsest.audit.actions import actions, newest, purge
from palimpsest.audit.arguments import add_key, add_study, key_of, plan_of
from palimpsest.audit.certificate import last_purge, whereabouts
from palimpsest.audit.filed import now, read_certificate
from palimpsest.audit.fingerprints import load, save
from palimpsest.audit.revision import check_revisable, revise
from palimpsest.audit.scan import MEMORY, fingerprint_file, scan
from palimpsest.errors import Problem, UserError
from palimpsest.files import keeping_date
from palimpsest.study import paths
from palimpsest.study.purges import owners_of, removals, served


def add_arguments(parser) -> None:
    add_study(parser)
    add_key(parser)
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
    key = key_of(args)
    check_ready(plan)
    check_revisable(plan, key)
    doing = actions(plan, scan(plan, requests, sources))
    check_safe(plan, doing)
    for one in doing:
        print(one)
    counts = Counter(one.what for one in doing)
    summary = (
        ", ".join(
            f"{counts[what]} to {what}" for what in ("remove", "rewrite", "leave") if counts[what]
        )
        or "nothing to do"
    )
    if not args.yes:
        print(
            f"Dry run: {summary}. Earlier states will be gone for good. `palimpsest purge --yes` "
            "does it."
        )
        return
    if counts["remove"] + counts["rewrite"]:
        names = frozenset().union(
            *(load(fingerprint_file(plan, name), plan.secret).names for name in requests)
        )
        purge(plan, doing, now(), names)
    left = scan(plan, requests, sources)
    update_certificates(plan, left, now(), key)
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
        raise UserError(problems, done=f"what could be purged was: {summary}")
    if args.drop_fingerprints:
        for name in requests:
            with keeping_date(fingerprint_file(plan, name)) as path:
                save(load(path, plan.secret).without_passages(), path)
    told = (
        ", ".join(
            f"{counts[what]} {done}"
            for what, done in (("remove", "removed"), ("rewrite", "rewritten"))
            if counts[what]
        )
        or "nothing to do"
    )
    if counts["leave"] or left.unread:
        print(
            f"Purged: {told}, {counts['leave']} left to other studies, {len(left.unread)} not "
            "readable, which `palimpsest audit` names. Nothing else of "
            f"{', '.join(requests)} is left."
        )
        sys.exit(1)
    print(
        f"Purged: {told}. The audit finds nothing of {', '.join(requests)} in {left.files} files."
    )


def check_ready(plan) -> None:
    """A UserError where there is nothing to purge yet, or where the results do not belong to the
    present ledger."""
    where = str(plan.folder)
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
    expected = {name: plan.path(paths.CERTIFICATE, request=name) for name in plan.names[1:]}
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
    secret = plan.secret
    recorded_owners = {
        request.name: list(load(fingerprint_file(plan, request.name), secret).owners)
        for request in plan.requests
    }
    changed = [
        one.name
        for one in plan.requests
        if not served(expected[one.name], one, plan)
        or recorded_owners[one.name] != owners_of(one, secret)
    ]
    if changed:
        what = "the ledger names other owners than were served"
        remedy = "put them back, or run snakemake first, which serves them"
        raise UserError(Problem(what, where, ", ".join(changed), remedy=remedy))


def check_safe(plan, doing) -> None:
    """A UserError where a purge would leave behind the target of a link, or remove a file that the
    newest state is made of."""
    links = [one for one in doing if one.what != "leave" and one.path.is_symlink()]
    if links:
        what = "a link to a file that holds something of the forgotten"
        remedy = "move that file to the place of the link, or remove both yourself, then purge"
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


def update_certificates(plan, left, scanned_at: str, key: Path | None) -> None:
    """Write into each certificate what was purged, where its models are now and what is left; file
    dates are kept, so that nothing is made again."""
    report, gone = left.as_dict(), removals(plan.folder)
    changes = {}
    for name in plan.names[1:]:
        filed = read_certificate(plan.path(paths.CERTIFICATE, request=name))
        remains = report | {
            "findings": [one for one in report["findings"] if name in one["requests"]],
            "unmarked": {one: count for one, count in report["unmarked"].items() if one == name},
            "blind": [one for one in report["blind"] if one == name],
        }
        replaced = [
            one | whereabouts(plan, gone, one["seed"], one["checkpoint"], one["replaced"])
            for one in filed["replaced"]
        ]
        changes[name] = {
            "remains": remains,
            "scanned_at": scanned_at,
            "purged": last_purge(plan, name),
            "replaced": replaced,
        }
    revise(plan, changes, key)
