"""`palimpsest certificate check`: verify seals, chain and signatures of a study's certificates, and
what they name on this disk: models, slices, ledger, settings. Ends with 1 if anything fails."""

from __future__ import annotations

import sys
from pathlib import Path

from palimpsest.audit.arguments import add_study, plan_of, study_of
from palimpsest.audit.inspection import Inspected, Inspection
from palimpsest.errors import Problem, UserError


def add_arguments(parser) -> None:
    parser.add_argument("action", choices=["check"], help="what to do with the certificates")
    add_study(parser)
    parser.add_argument(
        "--allowed-signers",
        type=Path,
        metavar="FILE",
        help="who may sign, as ssh-keygen(1) has it; then each certificate must be signed",
    )


def run(args) -> None:
    """settings: none; the study is named by the user."""
    plan, _ = plan_of(args)
    study = study_of(args)
    if len(plan.names) == 1:
        what, remedy = (
            "there are no certificates to check",
            "append a request to the ledger, and run",
        )
        raise UserError(Problem(what, str(plan.folder), "no request", remedy=remedy))
    if args.allowed_signers and not args.allowed_signers.is_file():
        what, remedy = "there is no such file of signers", "correct --allowed-signers"
        raise UserError(Problem(what, str(args.allowed_signers), remedy=remedy))
    inspection = Inspection(plan, study["digests"], args.allowed_signers, bool(study["key"]))
    found = inspection.run()
    for one in found:
        print(as_text(one))
    failed = sum(bool(one.failures) for one in found)
    doubtful = sum(not one.consistent for one in found)
    said = f"{len(found)} certificates, {failed} of them fail." if failed else "All hold."
    print(said + (f" {doubtful} say that not all checks of models held." if doubtful else ""))
    if failed:
        sys.exit(1)


def as_text(one: Inspected) -> str:
    if one.failures:
        return "\n".join(f"{one.path}: {failure}" for failure in one.failures)
    signed = f"signed by {one.signed_by}" if one.signed_by else "not signed"
    checks = "whose checks held" if one.consistent else "of whose checks not all held, as it says"
    models = f"{one.models} model{'' if one.models == 1 else 's'} replaced"
    again = "; it took the place of one that was lost" if one.again else ""
    return f"{one.path}: holds; {models}, {checks}; {signed}{again}"
