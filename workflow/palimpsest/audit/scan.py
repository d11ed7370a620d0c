"""One audit of a study: what its forgotten owners are known by, where to look, and what was
found."""

from __future__ import annotations

import os
from pathlib import Path

from palimpsest.audit.fingerprints import Fingerprint, load
from palimpsest.audit.look import Audit, Report
from palimpsest.audit.passages import BREAK, Passages
from palimpsest.audit.trained import digests, learnt_from_forgotten
from palimpsest.data.ledger import forgotten_owners
from palimpsest.data.storage import read_parquet, whole_texts
from palimpsest.files import read_json
from palimpsest.study.plan import Plan

RESULTS, MEMORY = Path("results"), Path(".snakemake")


def study_folder(plan: Plan) -> Path:
    return RESULTS / plan.study["study"]


def fingerprint_file(plan: Plan, request: str) -> Path:
    return study_folder(plan) / "fingerprints" / f"{request}.json"


def of_another_study(path: Path, study: str) -> bool:
    """Whether a file lies in the folder of another study than ``study``: its ledger and its purge
    decide."""
    parts = path.parts
    return parts[:1] == RESULTS.parts and len(parts) > 2 and parts[1] not in (study, "pretrained")


def scan(plan: Plan, requests: list[str], sources: list[dict] = ()) -> Report:
    """Look for the owners of ``requests`` below results/, in Snakemake's own folder and in the
    caches of the study's hub ``sources``."""
    files = {name: fingerprint_file(plan, name) for name in requests}
    known = own([load(path, plan.study["salt"]) for path in files.values() if path.is_file()], plan)
    study, asked = study_folder(plan), set(requests)
    models = _of(asked, learnt_from_forgotten(study, plan))
    copies = _of(asked, digests(study, models))
    report = Audit(known, models, copies).run([RESULTS, MEMORY, *hub_caches(sources)])
    report.unmarked = {one.request: one.unmarked for one in known if one.unmarked}
    report.blind = [name for name in requests if not files[name].is_file()] + [
        one.request for one in known if _blind(one, plan)
    ]
    return report


def _of(asked: set[str], learnt: dict[str, set[str]]) -> dict[str, set[str]]:
    """What learnt from requests -> those of them that are asked for; what learnt from others alone
    is left out."""
    return {what: requests & asked for what, requests in learnt.items() if requests & asked}


def own(known: list[Fingerprint], plan: Plan) -> list[Fingerprint]:
    """Fingerprints without the passages that retained records hold by now: who quotes the forgotten
    may be quoted, and stays."""
    records = study_folder(plan) / "data" / "records.parquet"
    if not known or not records.is_file():
        return known
    frame = read_parquet(records)
    retained = frame[~frame["owner"].isin(forgotten_owners(plan.requests, plan.latest))]
    every = Passages(plan.study["salt"])
    for one in known:
        every.add(one.passages)
    quoted = every.found(BREAK.join(dict.fromkeys(whole_texts(retained))))
    return [one.without(quoted) for one in known]


def _blind(one: Fingerprint, plan: Plan) -> bool:
    """Whether text of a request is not known: its passages were dropped, or taken when the data had
    lost records already."""
    evidence = study_folder(plan) / "requests" / f"{one.request}.json"
    counted = sum(read_json(evidence)["records"].values()) if evidence.is_file() else one.records
    return one.records < counted or bool(one.records and not one.passages)


def hub_caches(sources: list[dict]) -> list[Path]:
    """Folders in which `datasets` and `huggingface_hub` keep what they fetched for these sources,
    and those where all is kept together.

    The libraries say by these rules where that is; to ask them would import all of `datasets`. It
    writes HateXPlain as hate_x_plain, and the hub knows a data set in any case, so neither case nor
    underscores matter.
    """

    def folder(name: str, default: Path | str) -> Path:
        return Path(os.path.expandvars(os.path.expanduser(os.environ.get(name, default))))

    def plain(name: str) -> str:
        return name.replace("_", "").lower()

    named = [source["hub"] for source in sources if "hub" in source]
    home = folder("HF_HOME", folder("XDG_CACHE_HOME", "~/.cache") / "huggingface")
    data, hub = (
        folder("HF_DATASETS_CACHE", home / "datasets"),
        folder("HF_HUB_CACHE", folder("HUGGINGFACE_HUB_CACHE", home / "hub")),
    )
    wanted = {plain("datasets--" + name.replace("/", "--")) for name in named} | {
        plain(name.replace("/", "___")) for name in named
    }
    found = {
        one
        for cache in (data, hub)
        if cache.is_dir()
        for one in cache.iterdir()
        if plain(one.name) in wanted
    }
    together = {data / "downloads", folder("HF_XET_CACHE", home / "xet")}
    return sorted(one for one in found | together if one.is_dir()) if named else []
