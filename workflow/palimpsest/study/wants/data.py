"""From sources to records, slices and sets."""

from __future__ import annotations

import shlex
from pathlib import Path

from palimpsest.audit.purges import FILE as PURGED
from palimpsest.data.identity import digests, recorded
from palimpsest.data.readers import READERS
from palimpsest.data.sources import fetched_name
from palimpsest.errors import Problem, UserError
from palimpsest.study import paths
from palimpsest.study.study import Study
from palimpsest.study.wants.want import Files, Want, owners_digest

Sources = list[tuple[dict, list[Path] | None]]  # each with its files, or None where it is fetched


# --- sources, of records and of corpora -----------------------------------------------------------


def located(sources: Sources, fetched: str) -> list[str]:
    """The files of sources: local ones where they are, others where they are fetched to
    (``fetched`` is a template of their path)."""
    return [
        path
        for source, files in sources
        for path in (
            [fetched.format(file=fetched_name(source))] if files is None else map(str, files)
        )
    ]


def to_fetch(sources: Sources, fetched: str) -> list[str]:
    """The files that are inputs. A local one is none: it counts by its content, wherever it lies
    and whatever its date."""
    return located([source for source in sources if source[1] is None], fetched)


def content(sources: Sources, fetched: str, report: str) -> list[str]:
    """Digests of local files; ``report`` is where a step kept them. A file that is fetched stands
    for itself: where it comes from is a setting, and a purge may have removed it."""
    here = located([source for source in sources if source[1] is not None], fetched)
    found = digests(here, recorded(Path(report)))
    return [found.get(path, path) for path in located(sources, fetched)]


def fetch_settings(sources: Sources, file: str) -> dict:
    """The source that a file to be fetched stands for."""
    for source, files in sources:
        if files is None and fetched_name(source) == file:
            return {key: value for key, value in source.items() if key != "mirror"}
    what, remedy = (
        "no source of the study is fetched to it",
        "ask for a file that `snakemake -n` names",
    )
    raise UserError(Problem(what, file, remedy=remedy))


def source_template(study: Study) -> str:
    return study.path(paths.SOURCE, file="{file}")


def changed_sources(study: Study) -> list[str]:
    """Sources that are no longer what the records were made from."""
    report, template = study.path(paths.RECORDS_REPORT), source_template(study)
    known = {path: digest for path, (_, _, digest) in recorded(Path(report)).items()}
    now = dict(
        zip(located(study.sources, template), content(study.sources, template, report), strict=True)
    )
    return [
        path for path, digest in now.items() if path != digest and known.get(path, digest) != digest
    ]


def check_reports(study: Study) -> None:
    """A UserError where a report that holds what sources were is broken."""
    recorded(Path(study.path(paths.RECORDS_REPORT)))
    if study.tokenizer:
        folder = paths.TOKENIZER.format(tokenizer=study.tokenizer)
        recorded(Path(folder, paths.CORPUS_REPORT))


# --- the ledger -----------------------------------------------------------------------------------


def ledger_option(study: Study) -> str:
    ledger = study.config["ledger"]
    return f"--ledger {shlex.quote(ledger)}" if ledger else ""


def request_files(study: Study, state: str) -> list[str]:
    """Evidence that the owners of all requests up to a state were there."""
    names = study.plan.names[1 : study.plan.order[state] + 1]
    return [study.path(paths.REQUEST, request=name) for name in names]


def request_owners(study: Study, request: str) -> str:
    """Digest of the owners whom a request names."""
    found = (sorted(one.owners) for one in study.plan.requests if one.name == request)
    return owners_digest(next(found, []))


def forgotten(study: Study, state: str) -> str:
    """Digest of everybody who is forgotten in a state."""
    requests = study.plan.requests[: study.plan.order[state]]
    return owners_digest(sorted(owner for request in requests for owner in request.owners))


# --- the rules ------------------------------------------------------------------------------------


class FetchSource(Want):
    step = "fetch"

    def settings(self, w):
        return fetch_settings(self.study.sources, w.file)


class Records(Want):
    step = "records"
    names_modules = True

    def inputs(self, w) -> Files:
        return {"fetched": to_fetch(self.study.sources, source_template(self.study))}

    def settings(self, w):
        data = self.config["data"]
        return {"fields": self.study.track.fields, **data, "reader": READERS[data["reader"]]}

    def marks(self, w):
        report = self.path(paths.RECORDS_REPORT)
        return content(self.study.sources, source_template(self.study), report)

    def arguments(self, w):
        """The sources, and whom a purge removed: they do not come back when the records are made
        again, but a purge is no reason to make them again."""
        files = located(self.study.sources, source_template(self.study))
        purged = (
            f" --purged {self.study.folder}/{PURGED} {ledger_option(self.study)}"
            if self.study.is_purged
            else ""
        )
        candidates = (
            f" --candidates {self.path(paths.CANDIDATES)}" if self.study.track.candidates else ""
        )
        return f"--source {shlex.join(files)}{purged}{candidates}"


class Index(Want):
    step = "index"

    def settings(self, w):
        groups = self.config["groups"]
        return {
            "groups": groups,
            "compared": sorted(groups) if self.study.head.get("classes") == 2 else [],
        }


class OfLedger(Want):
    """A job that reads the ledger: whom a request names is one of its marks, where it lies is no
    reason to run again."""

    def arguments(self, w):
        return ledger_option(self.study)


class Request(OfLedger):
    """Evidence that is there stays as it is: later the source may have lost the owner, as the law
    asks. So code does not count."""

    step = "request"

    def settings(self, w):
        return {"salt": self.config["salt"]}

    def marks(self, w):
        return [request_owners(self.study, w.request)]

    def counts(self, w):
        return ", ".join(self.marks(w))


class Slice(OfLedger):
    step = "slice"

    def inputs(self, w) -> Files:
        return {"requests": request_files(self.study, w.version)}

    def settings(self, w):
        return {
            "salt": self.config["salt"],
            "seed": int(w.seed),
            "sharding": w.sharding,
            "shard": int(w.shard),
            "slice": int(w.slice),
            "version": w.version,
        }

    def marks(self, w):
        cell = int(w.shard), int(w.slice)
        return [owners_digest(self.plan.owners_in(int(w.seed), w.sharding, *cell, w.version))]


class PlainSet(Want):
    step = "subset"

    def settings(self, w):
        at_least = {"at_least": self.config["evaluation"]["trained"]}
        return {"set": w.set, **(at_least if w.set == "trained" else {})}


class ExtraSet(OfLedger):
    step = "subset"

    def settings(self, w):
        return {"set": "extra", "request": w.state}

    def marks(self, w):
        return [forgotten(self.study, w.state)]


class SampleSet(ExtraSet):
    def settings(self, w):
        return {"set": "sample", "request": w.state, "share": float(w.share)}


class ForgetSet(OfLedger):
    step = "subset"

    def settings(self, w):
        return {"set": "forget", "request": w.request}

    def marks(self, w):
        return [request_owners(self.study, w.request)]
