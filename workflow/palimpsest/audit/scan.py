"""Audit a study: the fingerprints of its forgotten owners, where to look, and what is found."""

from __future__ import annotations

import os
from pathlib import Path

from palimpsest.audit.fingerprints import Fingerprint, load
from palimpsest.audit.look import Audit, Report
from palimpsest.audit.passages import BREAK, Passages, runs, unshared
from palimpsest.audit.trained import digests, learnt_from_forgotten
from palimpsest.data.ledger import forgotten_owners
from palimpsest.data.storage import read_parquet, whole_texts
from palimpsest.study import paths
from palimpsest.study.evidence import read_evidence
from palimpsest.study.plan import Plan

MEMORY = Path(".snakemake")
SHARED = Path(paths.SHARED).name


def fingerprint_file(plan: Plan, request: str) -> Path:
    return plan.path(paths.FINGERPRINT, request=request)


def of_another_study(path: Path, study: str, results: str = paths.RESULTS) -> bool:
    """Whether a file lies in the folder of another study than ``study``, whose own ledger and purge
    decide about it. A folder without records is no study's."""
    if not path.is_relative_to(results):
        return False
    name, *below = path.relative_to(results).parts
    if not below or name in (study, SHARED):
        return False
    return Path(paths.placed(results, paths.RECORDS_REPORT, study=name)).is_file()


def scan(plan: Plan, requests: list[str], sources: list[dict] = ()) -> Report:
    """Look for the owners of ``requests`` below the folder of results, in Snakemake's own and in
    the caches of the study's hub ``sources``."""
    files = {name: fingerprint_file(plan, name) for name in requests}
    fingerprints = [load(path, plan.secret) for path in files.values() if path.is_file()]
    looked_for, records = fingerprints, plan.path(paths.RECORDS)
    if fingerprints and records.is_file():
        frame = read_parquet(records)
        kept = frame[~frame["owner"].isin(forgotten_owners(plan.requests, plan.latest))]
        retained = BREAK.join(dict.fromkeys(whole_texts(kept)))
        fingerprints = unquoted(fingerprints, retained, plan.secret)
        looked_for = [_with_runs(one, plan, frame, retained) for one in fingerprints]
    study, asked = plan.folder, set(requests)
    models = _of(asked, learnt_from_forgotten(study, plan))
    copies = _of(asked, digests(study, models))
    # where it is not said, there are no owners whose names differ by case alone
    alike = plan.study.get("same_owner") != "exact"
    report = Audit(looked_for, models, copies, alike).run(
        [Path(plan.results), MEMORY, *hub_caches(sources)]
    )
    report.unmarked = {one.request: one.unmarked for one in fingerprints if one.unmarked}
    report.blind = [name for name in requests if not files[name].is_file()] + [
        one.request for one in fingerprints if _blind(one, plan)
    ]
    return report


def _of(asked: set[str], learnt: dict[str, set[str]]) -> dict[str, set[str]]:
    """``learnt`` (model or digest -> requests that it learnt from), with the requests ``asked`` for
    alone; entries that learnt from none of them are left out."""
    return {what: requests & asked for what, requests in learnt.items() if requests & asked}


def unquoted(fingerprints: list[Fingerprint], retained: str, secret: str) -> list[Fingerprint]:
    """Fingerprints without the passages that retained records hold by now: a retained record that
    quotes a forgotten one may stay, and so may copies of it."""
    every = Passages(secret)
    for one in fingerprints:
        every.add(one.passages)
    quoted = every.matches(retained)
    return [one.without(quoted) for one in fingerprints]


def _with_runs(one: Fingerprint, plan: Plan, frame, retained: str) -> Fingerprint:
    """With any run of words of the texts that are still there, so that a quotation is found
    wherever it begins."""
    owners = next(request.owners for request in plan.requests if request.name == one.request)
    texts = dict.fromkeys(whole_texts(frame[frame["owner"].isin(owners)]))
    found = unshared((run for text in texts for run in runs(text)), retained, plan.secret)
    return one.beside(found)


def _blind(one: Fingerprint, plan: Plan) -> bool:
    """Whether a fingerprint lacks text of its request: its passages were dropped, or it was taken
    when the data had lost records already."""
    evidence = plan.path(paths.REQUEST, request=one.request)
    counted = (
        sum(read_evidence(evidence)["records"].values()) if evidence.is_file() else one.records
    )
    return one.records < counted or bool(one.records and not one.passages)


def hub_caches(sources: list[dict]) -> list[Path]:
    """Folders in which `datasets` and `huggingface_hub` keep what they fetched for these sources,
    and those that all sources share.

    These are the libraries' own rules; to ask them would import all of `datasets`. It writes
    HateXPlain as hate_x_plain, and the hub takes names in any case, so neither case nor underscores
    matter.
    """

    def folder(name: str, default: Path | str) -> Path:
        return Path(os.path.expandvars(os.path.expanduser(os.environ.get(name, default))))

    def plain(name: str) -> str:
        return name.replace("_", "").lower()

    named = [source["hub"] for source in sources if "hub" in source]
    home = folder("HF_HOME", folder("XDG_CACHE_HOME", "~/.cache") / "huggingface")
    data = folder("HF_DATASETS_CACHE", home / "datasets")
    hub = folder("HF_HUB_CACHE", folder("HUGGINGFACE_HUB_CACHE", home / "hub"))
    folder_names = {plain("datasets--" + name.replace("/", "--")) for name in named} | {
        plain(name.replace("/", "___")) for name in named
    }
    of_sources = {
        one
        for cache in (data, hub)
        if cache.is_dir()
        for one in cache.iterdir()
        if plain(one.name) in folder_names
    }
    shared = {data / "downloads", folder("HF_XET_CACHE", home / "xet")}
    return sorted(one for one in of_sources | shared if one.is_dir()) if named else []
