"""Which certificates are made, and from what; and what the audit is told."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from palimpsest.audit.purges import served
from palimpsest.data.ledger import Request as Line
from palimpsest.methods.registry import facts
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.data import OfLedger, Request, ledger_option, request_owners
from palimpsest.study.wants.measure import metrics_described
from palimpsest.study.wants.methods import numbers_in
from palimpsest.study.wants.shared import tokenizer_file
from palimpsest.study.wants.want import Files, Want, argument


def certified_state(study: Study, request: str) -> str:
    """The state whose models a certificate speaks of: that of its request, or the newest where no
    other is kept."""
    return request if study.compares else study.plan.latest


@cache
def live(study: Study) -> list[str]:
    """Requests whose certificates are made. One that was filed stays as it is once its state is
    purged, or is no longer the newest of those that keep no other; unless the ledger names other
    owners now."""
    requests = study.plan.requests[study.plan.order[study.plan.purged] :]
    return [request.name for request in requests if _is_live(study, request)]


def _is_live(study: Study, request: Line) -> bool:
    if study.compares or request.name == study.plan.latest:
        return True
    filed = Path(study.path(paths.CERTIFICATE, request=request.name))
    return not served(filed, request, study.config["salt"])


class Fingerprint(Request):
    """Taken while the text is there, and kept: later it may be gone, and still be looked for."""

    step = "fingerprint"
    undated = frozenset({"tokenizer"})

    def inputs(self, w) -> Files:
        """The tokenizer that this workflow trained: what it does not know of a text is missing
        where its ids are read."""
        name = self.study.tokenizer
        return {"tokenizer": [tokenizer_file(name)] if name else []}

    def arguments(self, w):
        return f"{argument('tokenizer', self.inputs(w)['tokenizer'])} {super().arguments(w)}"


class Certificate(OfLedger):
    """Last of all, since it says what is left on disk. What it looks through does not make it new:
    a certificate is of its date."""

    step = "certificate"
    undated = frozenset({"tables"})
    named = ("metrics",)

    def inputs(self, w) -> Files:
        state = certified_state(self.study, w.request)
        pairs = dict.fromkeys((seed, one.name) for seed, one in self.plan.checkpoints(state))
        numbers = [
            f"{self.path(paths.SEED, seed=seed)}/metrics/{name}.parquet"
            for seed in self.plan.seeds
            for name in numbers_in(self.study, state)
        ]
        return {
            "trained": [self.study.report(seed, name) for seed, name in pairs],
            "metrics": numbers,
            "tables": [self.path(one) for one in (paths.TABLE, paths.TABLE_CSV, paths.SUMMARY)],
        }

    def settings(self, w):
        return {
            "state": certified_state(self.study, w.request),
            "level": self.config["evaluation"]["level"],
            "metrics": metrics_described(self.study),
            **audited(self.study),
        }

    def marks(self, w):
        return [request_owners(self.study, w.request)]


class CertificatePage(Want):
    step = "page"

    def settings(self, w):
        methods = facts(self.config["methods"])
        return {"methods": methods, "metrics": metrics_described(self.study)}


class Audit(Want):
    step = "audit"

    def settings(self, w):
        return audited(self.study)

    def arguments(self, w):
        return ledger_option(self.study)


def audited(study: Study) -> dict:
    """What an audit must know of a study."""
    chosen = {
        key: study.plan.study[key] for key in ("study", "salt", "seeds", "sharding", "requests")
    }
    sources = study.config["data"].get("sources", [])
    return chosen | {"sources": sources, "tokenizer": study.tokenizer}
