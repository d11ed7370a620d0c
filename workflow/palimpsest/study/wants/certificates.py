"""Which certificates are made, and from what; and the settings of the audit."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path

from palimpsest.data.ledger import Request as Line
from palimpsest.methods.registry import facts, forgetting
from palimpsest.study import paths
from palimpsest.study.load import settings_digests
from palimpsest.study.purges import served
from palimpsest.study.study import Study
from palimpsest.study.wants.data import (
    Request,
    ledger_option,
    ledger_path,
    request_owners,
)
from palimpsest.study.wants.measure import metrics_described
from palimpsest.study.wants.methods import methods_in, numbers_in
from palimpsest.study.wants.shared import tokenizer_folder
from palimpsest.study.wants.want import Files, Want, argument

# Numbers of membership and memorization are about these, whatever methods the study compares.
TOLD_OF = ("base", "oracle", "sisa_mean")


def certified_state(study: Study, request: str) -> str:
    """The state whose models a certificate is about: that of its request, or the newest where no
    other is kept. Of a purged request, whose certificate was lost, it is that of the purge."""
    plan = study.plan
    if not study.compares:
        return plan.latest
    return max(request, plan.purged, key=plan.order.__getitem__)


@cache
def live(study: Study) -> list[str]:
    """Requests whose certificates are made. One is not written again after its state was purged or,
    with `requests: latest`, after a newer request, unless it was lost, or the ledger now names
    other owners."""
    return [request.name for request in study.plan.requests if _is_live(study, request)]


def _is_live(study: Study, request: Line) -> bool:
    filed = Path(study.path(paths.CERTIFICATE, request=request.name))
    if study.plan.order[request.name] <= study.plan.order[study.plan.purged]:
        return not filed.is_file()  # its owners cannot change any more
    if study.compares or request.name == study.plan.latest:
        return True
    return not served(filed, request, study.plan)


class Fingerprint(Request):
    """Taken while the text is there, and kept: later it may be gone, and still be searched for."""

    step = "fingerprint"
    undated = frozenset({"tokenizer"})

    def inputs(self, w) -> Files:
        """The tokenizer that this workflow trained: what it cannot encode is lost when a text is
        decoded from its ids."""
        if not self.study.tokenizer:
            return {"tokenizer": []}
        return {"tokenizer": [f"{tokenizer_folder(self.study)}/{paths.TOKENIZER_FILE}"]}

    def arguments(self, w):
        given = argument("tokenizer", self.inputs(w)["tokenizer"])
        return f"{given} {ledger_option(self.study)}"


class Searching(Want):
    """A job that searches the folder of results; its settings say what is one owner."""

    def arguments(self, w):
        elsewhere = [] if self.study.results == paths.RESULTS else [self.study.results]
        return f"{ledger_path(self.study)} {argument('results', elsewhere)}".strip()


class Certificate(Searching):
    """Last of all, since it says what is left on disk. Changes of the files that it searches do not
    renew it: a certificate is of its date. It holds the seal of the one before it."""

    step = "certify"
    undated = frozenset({"tables"})
    named = ("metrics",)

    @cached_property
    def digests(self) -> dict[str, str]:
        return settings_digests(self.config)

    def inputs(self, w) -> Files:
        state = certified_state(self.study, w.request)
        pairs = dict.fromkeys((seed, one.name) for seed, one in self.plan.checkpoints(state))
        numbers = [
            f"{self.path(paths.SEED, seed=seed)}/metrics/{name}.parquet"
            for seed in self.plan.seeds
            for name in numbers_in(self.study, state)
        ]
        place = self.plan.order[w.request] - 1
        before = [self.path(paths.CERTIFICATE, request=self.plan.names[place])] if place else []
        return {
            "before": before,
            "trained": [self.study.report(seed, name) for seed, name in pairs],
            "metrics": numbers,
            "tables": [self.path(one) for one in (paths.TABLE, paths.TABLE_CSV, paths.SUMMARY)],
        }

    def settings(self, w):
        state = certified_state(self.study, w.request)
        return {
            "state": state,
            "level": self.config["evaluation"]["level"],
            "metrics": metrics_described(self.study),
            "methods": forgetting(methods_in(self.study, state)),
            "details": self.study.details.get(w.request, {}),
            "digests": self.digests,
            **audited(self.study),
        }

    def marks(self, w):
        return [request_owners(self.study, w.request)]


class CertificatePage(Want):
    step = "page"

    def settings(self, w):
        methods = facts({*self.config["methods"], *TOLD_OF})
        return {"methods": methods, "metrics": metrics_described(self.study)}


class CertificateSignature(Want):
    step = "sign"

    def settings(self, w):
        return {"key": self.config["certificates"]["key"]}


class Audit(Searching):
    step = "audit"

    def settings(self, w):
        return audited(self.study)


def audited(study: Study) -> dict:
    """What an audit must know of a study."""
    chosen = {
        key: study.plan.study[key] for key in ("study", "salt", "seeds", "sharding", "requests")
    }
    sources = study.config["data"].get("sources", [])
    decided = {"same_owner": study.config["same_owner"]} if "same_owner" in study.config else {}
    return chosen | decided | {"sources": sources, "tokenizer": study.tokenizer}
