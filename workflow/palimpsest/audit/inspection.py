"""Inspect the certificates of a study: seals, chain and signatures, and whether what they name is
still on this disk as they name it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from palimpsest.audit.certificate import data_digest, last_purge, whereabouts
from palimpsest.audit.checks import Checks
from palimpsest.audit.filed import read_certificate, signature_of
from palimpsest.audit.recipes import Weights, told_weights
from palimpsest.audit.revision import as_page
from palimpsest.audit.verification import last
from palimpsest.data.secret import identified
from palimpsest.engine.sealed import seal_of
from palimpsest.engine.signatures import signer
from palimpsest.errors import UserError
from palimpsest.files import file_digest, read_json
from palimpsest.study import paths
from palimpsest.study.evidence import read_evidence
from palimpsest.study.plan import Plan
from palimpsest.study.purges import ledger_digest, owners_of, removals

STRAY = "its request is not in the ledger: put the line back, or remove the file"
WEIGHTS_GONE = "is not on this disk, and no purge of this study removed it"


@dataclass(frozen=True)
class Inspected:
    """A certificate: all that fails; who signed it ('' where it is not signed), the models that it
    says were replaced, whether it says that their checks held, and whether it took the place of one
    that was lost."""

    path: Path
    failures: tuple[str, ...]
    signed_by: str = ""
    models: int = 0
    consistent: bool = True
    again: bool = False


class Inspection:
    """digests: of the study's settings as they are now. allowed: a file of signers who may sign,
    without which no certificate needs a signature; ``signed``: whether the study names a key, so
    that each needs one all the same."""

    def __init__(self, plan: Plan, digests: dict[str, str], allowed: Path | None, signed: bool):
        self.plan, self.digests, self.allowed = plan, digests, allowed
        self.signed = signed or allowed is not None
        self.gone = removals(plan.folder)
        self.read: dict[str, dict | None] = {}
        self.digest_of = cache(file_digest)  # a base is named by many

    def run(self) -> list[Inspected]:
        """One for each request of the ledger, in its order, and each further file."""
        names = self.plan.names[1:]
        strays = sorted(self.plan.folder.glob(paths.places(paths.CERTIFICATE)))
        return [self._of(name) for name in names] + [
            Inspected(path, (STRAY,)) for path in strays if path.stem not in names
        ]

    def _of(self, request: str) -> Inspected:
        path = self.plan.path(paths.CERTIFICATE, request=request)
        try:
            certificate = self.read[request] = read_certificate(path)
        except UserError as error:
            self.read[request] = None
            what = [": ".join(filter(None, (one.what, one.found))) for one in error.problems]
            return Inspected(path, _once(what))
        by, signature = self._signature(path)
        failures = [
            *signature,
            *self._identity(request, certificate),
            *self._chain(request, certificate),
            *self._models(request, certificate),
            *self._kept(request, certificate),
            *self._page(path, certificate),
        ]
        return Inspected(
            path,
            _once(failures),
            by,
            len(certificate["replaced"]),
            certificate["consistent"],
            certificate["takes_place_of"] is not None,
        )

    def _signature(self, path: Path) -> tuple[str, list[str]]:
        signature = signature_of(path)
        if not signature.is_file():
            return "", ["is not signed"] if self.signed else []
        by, wrong = signer(path, signature, self.allowed)
        return by, [f"signature: {wrong}"] if wrong else []

    def _identity(self, request: str, certificate: dict) -> Iterator[str]:
        """Whether it is about this study, its ledger and its settings, and knows its purges."""
        study = self.plan.study
        if (certificate["study"], certificate["request"]) != (study["study"], request):
            yield "is that of another study or request"
        yield from self._ledger(request, certificate)
        changed = [
            name
            for name in sorted(self.digests.keys() | certificate["settings"].keys())
            if self.digests.get(name) != certificate["settings"].get(name)
        ]
        if changed:
            yield f"study: other settings than then, or other defaults: {', '.join(changed)}"
        yield from self._evidence(request, certificate)
        if certificate["purged"] != last_purge(self.plan, request):
            yield "purges: the record of purges says otherwise"
        states = {
            "before": self.plan.names[self.plan.order[request] - 1],
            "after": certificate["state"],
        }
        for when, state in states.items():
            told, now = certificate["data"][when], data_digest(self.plan, state)
            if told and now and told != now:
                yield f"slices: those of state {state} are not what they were"

    def _evidence(self, request: str, certificate: dict) -> Iterator[str]:
        path = self.plan.path(paths.REQUEST, request=request)
        try:
            if read_evidence(path)["records"] != certificate["records"]:
                yield f"evidence: {path} counts other records"
        except UserError as error:
            yield from (f"evidence, {one.where}: {one.what}" for one in error.problems)

    def _ledger(self, request: str, certificate: dict) -> Iterator[str]:
        secret, line = self.plan.secret, self.plan.requests[self.plan.order[request] - 1]
        if certificate["secret"] != identified(secret):
            yield f"owners, ledger: hashed with another secret than {identified(secret)}"
            return
        if certificate["owners"] != owners_of(line, secret):
            yield "owners: the ledger names others"
        if certificate["ledger"] != ledger_digest(self.plan.requests, request, secret):
            yield "ledger: up to this request it is not what it was"

    def _chain(self, request: str, certificate: dict) -> Iterator[str]:
        """A link may name a certificate that was lost, if the one in its place says so."""
        earlier = self.plan.names[self.plan.order[request] - 1]
        before = certificate["before"]
        if earlier not in self.read:  # the first
            if before:
                yield "chain: the first request has none before it"
            return
        filed = self.read[earlier]
        if before is None or before["request"] != earlier:
            yield f"chain: does not name the certificate of {earlier}"
        elif filed and before["digest"] not in (seal_of(filed), filed["takes_place_of"]):
            yield f"chain: that of {earlier} is not the one that it names"

    def _models(self, request: str, certificate: dict) -> Iterator[str]:
        # a broken one is told by itself, and is no evidence
        earlier = [one for name, one in self.read.items() if one and name != request]
        filed = told_weights(earlier, certificate["settings"])
        if certificate["consistent"] != all(
            all(one["checks"].values()) for one in certificate["replaced"]
        ):
            yield "says of its checks what they do not"
        verified = certificate["verified"]
        if verified != last(self.plan, request, certificate["replaced"]):
            yield "verified: what is recorded beside it says otherwise"
        for one in verified["checkpoints"] if verified else ():
            if not one["equal"]:
                name = f"seed{one['seed']}/{one['checkpoint']}"
                yield f"{name}: training it again gave other weights, on {verified['date']}"
        for one in certificate["replaced"]:
            seed, name = one["seed"], one["checkpoint"]
            places = {name: one["sha256"], one["replaced"]: one["replaced_sha256"]}
            for model, sha256 in places.items():
                yield from self._weights(seed, model, sha256)
            where = whereabouts(self.plan, self.gone, seed, name, one["replaced"])
            told, since = one["superseded"], where["superseded"]
            if told:  # by what was newest at the purge; more may have come after it
                yield from self._weights(seed, told["checkpoint"], told["sha256"])
            dates = told and told["removed"], one["replaced_removed"]
            if dates != (since and since["removed"], where["replaced_removed"]):
                yield f"seed{seed}/{name}: the record of purges tells otherwise what was removed"
            if told or since or not self._model(seed, name).is_file():
                continue
            yield from self._checks(seed, one, filed)

    def _kept(self, request: str, certificate: dict) -> Iterator[str]:
        """Models of the newest state that the request left as they were, against what training
        wrote down: together with the replaced ones they are what is in use."""
        if request != self.plan.latest:
            return
        replaced = {(one["seed"], one["checkpoint"]) for one in certificate["replaced"]}
        for seed, one in self.plan.checkpoints(certificate["state"]):
            model = self._model(seed, one.name)
            report = model.with_name(paths.REPORT)
            if (seed, one.name) in replaced:
                continue
            if not (model.is_file() and report.is_file()):
                yield f"seed{seed}/{one.name}, of the newest state, is not on this disk"
            elif self.digest_of(model) != read_json(report, "sha256")["sha256"]:
                yield f"seed{seed}/{one.name}: other weights than training wrote down"

    def _checks(self, seed: int, one: dict, filed: Weights) -> Iterator[str]:
        checkpoint = self.plan.checkpoint(seed, *self.plan.parse(one["checkpoint"]))
        try:
            now = Checks(self.plan, seed, filed).of(checkpoint)
        except UserError as error:
            yield from (f"{problem.where}: {problem.what}" for problem in error.problems)
            return
        failed = [check for check, holds in now.items() if not holds and one["checks"][check]]
        if failed:
            name = one["checkpoint"]
            yield f"seed{seed}/{name}: held then and fails now: {', '.join(failed)}"

    def _weights(self, seed: int, name: str, sha256: str | None) -> Iterator[str]:
        """Whether a model has the SHA-256 that a certificate names, on this disk or in the record
        of purges; one that never was on this disk has none."""
        model = self._model(seed, name)
        if sha256 is None:
            return
        if not model.is_file():
            gone = self.gone.get(model.as_posix())
            if gone is None:
                yield f"seed{seed}/{name} {WEIGHTS_GONE}"
            elif gone["sha256"] != sha256:
                yield f"seed{seed}/{name}: the purge removed other weights than it names"
        elif self.digest_of(model) != sha256:
            yield f"seed{seed}/{name}: other weights than it names"

    def _model(self, seed: int, name: str) -> Path:
        return self.plan.path(paths.CHECKPOINT, seed=seed, checkpoint=name) / paths.WEIGHTS

    def _page(self, path: Path, certificate: dict) -> Iterator[str]:
        html = path.with_suffix(".html")
        if not html.is_file():
            yield f"page: {html.name} is missing: run snakemake, which writes it again"
        elif html.read_text(encoding="utf-8") != as_page(certificate, self.plan.results):
            yield f"page: {html.name} does not say what the certificate says, or by other code"


def _once(failures: Iterable[str]) -> tuple[str, ...]:
    """A file that is damaged is read for many models, and told once."""
    return tuple(dict.fromkeys(failures))
