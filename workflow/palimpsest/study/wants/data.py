"""From sources to records, slices and sets."""

from __future__ import annotations

import shlex
from pathlib import Path

from palimpsest.data.identity import digests, recorded, settings_digest
from palimpsest.data.readers import READERS
from palimpsest.data.records import missing_splits
from palimpsest.data.sources import fetched_name
from palimpsest.errors import Problem, UserError
from palimpsest.files import read_json
from palimpsest.methods.registry import method_of
from palimpsest.study import paths
from palimpsest.study.purges import FILE as PURGED
from palimpsest.study.purges import owners_of
from palimpsest.study.study import Sources, Study
from palimpsest.study.wants.want import Files, Want, argument, owners_digest

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


def given_splits(sources: Sources) -> list[str]:
    """The split that the source of each file gives its rows, in the order of ``located``; none of a
    file where no source gives any."""
    given = [source.get("split", "") for source, files in sources for _ in files or [None]]
    return given if any(given) else []


def to_fetch(sources: Sources, fetched: str) -> list[str]:
    """The files that are inputs of a job. Local ones are not: they count by their content, wherever
    they are and whatever their date."""
    return located([source for source in sources if source[1] is None], fetched)


def content(sources: Sources, fetched: str, report: str) -> list[str]:
    """Digests of local files, read from ``report`` where a step kept them; for a fetched file its
    path: its origin is a setting, and a purge may have removed it."""
    here = located([source for source in sources if source[1] is not None], fetched)
    digest_by_path = digests(here, recorded(Path(report)))
    return [digest_by_path.get(path, path) for path in located(sources, fetched)]


def fetch_settings(sources: Sources, file: str) -> dict:
    """The source of a file that is to be fetched."""
    for source, files in sources:
        if files is None and fetched_name(source) == file:
            return {key: value for key, value in source.items() if key != "mirror"}
    what = "no source of the study is fetched to it"
    remedy = "ask for a file that `snakemake -n` names"
    raise UserError(Problem(what, file, remedy=remedy))


def source_template(study: Study) -> str:
    return study.path(paths.SOURCE, file="{file}")


def changed_sources(study: Study) -> list[str]:
    """Sources that are no longer what the records were made from."""
    report, template = study.path(paths.RECORDS_REPORT), source_template(study)
    recorded_digests = {path: digest for path, (_, _, digest) in recorded(Path(report)).items()}
    now = dict(
        zip(located(study.sources, template), content(study.sources, template, report), strict=True)
    )
    return [
        path
        for path, digest in now.items()
        if path != digest and recorded_digests.get(path, digest) != digest
    ]


def check_reports(study: Study) -> None:
    """A UserError where a report with the digests of sources is broken."""
    recorded(Path(study.path(paths.RECORDS_REPORT)))
    if study.tokenizer:
        folder = study.path(paths.TOKENIZER, tokenizer=study.tokenizer)
        recorded(Path(folder, paths.CORPUS_REPORT))
    for judge in study.judges.values():
        recorded(Path(study.path(paths.JUDGE, judge=judge), paths.RUN))


# --- the ledger -----------------------------------------------------------------------------------


def ledger_path(study: Study) -> str:
    ledger = study.config["ledger"]
    return argument("ledger", [ledger] if ledger else [])


def ledger_option(study: Study) -> str:
    """The ledger, and whether spellings of a name are one owner."""
    same_owner = study.config.get("same_owner")
    decided = f"--same-owner {same_owner}" if same_owner else ""
    return " ".join(filter(None, [ledger_path(study), decided]))


def one_in_all_spellings(study: Study) -> bool:
    return study.config.get("same_owner") == "normalized"


def needed_splits(study: Study) -> dict[str, str]:
    """Splits that the study needs besides those that every study needs -> what needs them."""
    methods, attacks = study.config["methods"], study.config["attacks"]
    fitted = [name for name in methods if method_of(name).fitted]
    unseen = [name for name in methods if method_of(name).unseen]
    unseen += [name for name, one in attacks.items() if one.get("text") == "extra"]
    asking = {"valid": fitted, "extra": unseen}
    return {split: ", ".join(names) for split, names in asking.items() if names}


def records_made(study: Study) -> dict:
    """The report on the records, where they are made from the present sources and settings; else
    {}: nothing follows from them any more."""
    file = Path(study.path(paths.RECORDS_REPORT))
    report = read_json(file) if file.is_file() else {}
    now = settings_digest(Records(study).settings(None))
    current = report.get("settings") == now and not changed_sources(study)
    return report if current and Path(study.path(paths.RECORDS)).is_file() else {}


def check_splits(study: Study) -> None:
    """A UserError where the records lack a split that the study needs: methods may have come after
    the records were made, and are no reason to make them again."""
    counts = records_made(study).get("by_split")
    report = study.path(paths.RECORDS_REPORT)
    problems = missing_splits(counts, needed_splits(study), report) if counts else []
    if problems := list(problems):
        raise UserError(problems)


def check_requests(study: Study) -> list[str]:
    """A UserError where requests that are not served yet cannot be met, as far as records are there
    to tell; else their own jobs tell it, before anything is trained. -> the requests that could not
    be looked up."""
    plan = study.plan
    new = [one for one in plan.requests[plan.order[plan.purged] :] if not _has_evidence(study, one)]
    names = [one.name for one in new]
    if not new or not records_made(study):
        return names
    from palimpsest.data.owners import owners_and_splits, request_problems

    records = owners_and_splits(Path(study.path(paths.RECORDS)))
    if records is None:
        return names
    problems = request_problems(
        new, study.plan.requests, records, study.config["ledger"],
        study.config.get("same_owner"), needed_splits(study),
    )  # fmt: skip
    if problems:
        raise UserError(problems)
    return []


def _has_evidence(study: Study, request) -> bool:
    """Evidence of earlier versions, hashed without the secret, is taken for that of its owners."""
    file = Path(study.path(paths.REQUEST, request=request.name))
    if not file.is_file():
        return False
    filed = read_json(file, "owners")
    return "secret" not in filed or filed["owners"] == owners_of(request, study.plan.secret)


def spelled_alike(study: Study) -> list[list[str]]:
    """Owners of the records whose names stand there in several spellings, as long as nobody has
    decided whether they are one."""
    if study.config.get("same_owner") or not records_made(study).get("look_alikes"):
        return []
    from palimpsest.data.owners import look_alikes, owners_and_splits

    records = owners_and_splits(Path(study.path(paths.RECORDS)))
    return [] if records is None else look_alikes(records["owner"])


def request_files(study: Study, state: str) -> list[str]:
    """Evidence of all requests up to a state."""
    names = study.plan.names[1 : study.plan.order[state] + 1]
    return [study.path(paths.REQUEST, request=name) for name in names]


def request_owners(study: Study, request: str) -> str:
    """Digest of the owners that a request names."""
    owners = (sorted(one.owners) for one in study.plan.requests if one.name == request)
    return owners_digest(next(owners, []))


def forgotten(study: Study, state: str) -> str:
    """Digest of all owners who are forgotten in a state."""
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
        same_owner = ["one owner in all spellings"] if one_in_all_spellings(self.study) else []
        return [*content(self.study.sources, source_template(self.study), report), *same_owner]

    def arguments(self, w):
        """The sources, and the owners that a purge removed: they do not come back when the records
        are made again, but a purge is no reason to make them again."""
        files = located(self.study.sources, source_template(self.study))
        given = [argument("source", files)]
        if self.config["data"]["reader"] == "table":  # readers of published data know its splits
            given += [argument("splits", given_splits(self.study.sources))]
        needed = needed_splits(self.study).items()
        given += [f"--needed {split} {shlex.quote(by)}" for split, by in needed]
        if self.study.is_purged:
            given += [argument("purged", [f"{self.study.folder}/{PURGED}"])]
        if self.study.is_purged or one_in_all_spellings(self.study):
            given += [ledger_option(self.study)]
        if self.study.track.candidates:
            given += [argument("candidates", [self.path(paths.CANDIDATES)])]
        return " ".join(filter(None, given))


class Index(Want):
    step = "index"

    def settings(self, w):
        fits = "valid" in needed_splits(self.study)
        fitted = sorted(self.config["fairness"]["groups"]) if fits else []
        return {"groups": self.config["groups"], "fitted": fitted}


class OfLedger(Want):
    """A job that reads the ledger: the owners that requests name are marks, its path is no reason
    to run again."""

    def arguments(self, w):
        return ledger_option(self.study)


class Request(OfLedger):
    """Existing evidence stays as it is: later the source may have lost the owner, as the law asks.
    So changes of code do not count."""

    step = "request"

    def marks(self, w):
        return [request_owners(self.study, w.request)]

    def counts(self, w):
        return ", ".join(self.marks(w))

    def arguments(self, w):
        return f"{super().arguments(w)} {argument('needed', needed_splits(self.study))}".rstrip()


class Slice(OfLedger):
    step = "slice"

    def inputs(self, w) -> Files:
        """Evidence of the requests that touch the slice: that of others is asked for by theirs."""
        touching = self.plan.touching(int(w.seed), w.sharding, int(w.shard), int(w.slice), w.state)
        return {"requests": [self.path(paths.REQUEST, request=name) for name in touching]}

    def settings(self, w):
        return {
            "salt": self.config["salt"],
            "seed": int(w.seed),
            "sharding": w.sharding,
            "shard": int(w.shard),
            "slice": int(w.slice),
            "state": w.state,
        }

    def marks(self, w):
        cell = int(w.shard), int(w.slice)
        return [owners_digest(self.plan.owners_in(int(w.seed), w.sharding, *cell, w.state))]


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
