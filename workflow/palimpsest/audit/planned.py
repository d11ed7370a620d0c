"""The plan of a study that a step is told of."""

from __future__ import annotations

from palimpsest.audit.purges import purged_upto
from palimpsest.audit.scan import RESULTS
from palimpsest.data.ledger import read_ledger
from palimpsest.study.plan import Plan

KEYS = ("study", "salt", "seeds", "sharding", "requests")


def planned(study: dict, ledger) -> tuple[Plan, list[dict]]:
    """(plan, sources) of a study, of which ``study`` holds ``KEYS``, `sources` and `tokenizer`;
    ledger: its path, or None."""
    requests = read_ledger(ledger)
    return Plan(
        study, requests, purged_upto(RESULTS / study["study"], requests, study["salt"], ledger)
    ), study["sources"]
