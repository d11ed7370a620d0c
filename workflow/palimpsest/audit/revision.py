"""Certificates that are already written, revised: after a purge, or another check.

Each is sealed, and holds the seal of the one before it. So whoever changes one changes all that
come after it, in their order; their files keep their dates, so that Snakemake makes nothing again.
"""

from __future__ import annotations

from pathlib import Path

from palimpsest.audit.filed import (
    link_to,
    now,
    read_certificate,
    signature_of,
    write_certificate,
)
from palimpsest.audit.page import page
from palimpsest.engine.signatures import sign
from palimpsest.errors import Problem, UserError
from palimpsest.files import keeping_date, write_text
from palimpsest.methods.registry import facts, is_method
from palimpsest.metrics import METRICS
from palimpsest.report.shown import tell
from palimpsest.study import paths
from palimpsest.study.plan import Plan


def check_revisable(plan: Plan, key: Path | None) -> None:
    """Before anything is changed: a UserError where a certificate is damaged, or signed while there
    is no ``key`` to sign it anew."""
    files = [plan.path(paths.CERTIFICATE, request=name) for name in plan.names[1:]]
    while files and not files[-1].is_file():
        files.pop()  # requests that were not served yet
    problems = []
    for path in files:
        try:
            read_certificate(path)
        except UserError as error:
            problems += error.problems
    signed = [str(path) for path in files if signature_of(path).is_file()]
    if signed and key is None:
        what = "certificates are signed, and would be revised: their signatures fit no more"
        remedy = "name the key with --key, or in the study as `certificates: {key: ...}`"
        problems.append(Problem(what, ", ".join(signed), remedy=remedy))
    if problems:
        raise UserError(problems)


def revise(plan: Plan, changes: dict[str, dict], key: Path | None = None) -> None:
    """Write ``changes`` (request -> fields) into the certificates of these requests, and today's
    date as `revised`. Those after them are linked to them anew; seals, pages and signatures
    (by ``key``) follow."""
    for request in plan.names[1:]:
        path = plan.path(paths.CERTIFICATE, request=request)
        if not path.is_file() and request not in changes:
            continue  # a request that was not served yet
        filed = read_certificate(path)
        revised = filed | {"before": link_to(plan, request)} | changes.get(request, {})
        if revised != filed:
            _rewrite(path, revised | {"revised": now()}, key, plan.results)


def _rewrite(path: Path, certificate: dict, key: Path | None, results: str) -> None:
    html, signature = path.with_suffix(".html"), signature_of(path)
    with keeping_date(path):
        write_certificate(path, certificate)
    if html.is_file():
        with keeping_date(html):
            write_text(html, as_page(certificate, results))
    if signature.is_file():
        with keeping_date(signature):
            sign(path, signature, key)


def as_page(certificate: dict, results: str = paths.RESULTS) -> str:
    """The page as its rule writes it, without the study at hand."""
    tell(facts(filter(is_method, {row["method"] for row in certificate["metrics"]})))
    summaries = {name: metric.summary for name, metric in METRICS.items()}
    return page(certificate, summaries, results)
