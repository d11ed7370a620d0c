"""The certificate of a deletion request: what was replaced, how that was checked, what it cost,
what is left on disk."""

from __future__ import annotations

import math

import pandas as pd

from palimpsest.audit.checks import Checks
from palimpsest.audit.filed import checked, link_to, now, read_certificate
from palimpsest.audit.recipes import Weights, recipe_of, recorded_weights
from palimpsest.audit.scan import scan
from palimpsest.audit.trained import trained_owners
from palimpsest.audit.verification import last
from palimpsest.data.secret import identified
from palimpsest.data.shards import SINGLE, parse_sharding, place
from palimpsest.engine.release import release
from palimpsest.engine.sealed import seal_of
from palimpsest.files import read_json
from palimpsest.report.tables import ALL_SEEDS, tidy
from palimpsest.study import paths
from palimpsest.study.evidence import read_evidence
from palimpsest.study.plan import Plan
from palimpsest.study.purges import ledger_digest, owners_of, read_purges, removals
from palimpsest.training.report import read_reports

SHOWN = (
    "accuracy",
    "equalized_odds_max",
    "agreement",
    "probability",
    "perplexity",
    "kl",
    "extraction_likelihood",
    "forget_quality",
    "membership_auroc",
    "retrained_share",
    "expected_share",
)
SETS = ("test", "train", "retain", "forget", "forget_before")


def certify(
    plan: Plan, request: str, settings: dict, metrics: list[pd.DataFrame], sources: list[dict]
) -> dict:
    """The certificate of ``request``, which is honoured in ``settings["state"]``, with intervals of
    ``settings["level"]`` and metrics as ``settings["metrics"]`` describes them; it fits
    ``palimpsest/schemas/certificate.schema.yaml``."""
    named, state = plan.requests[plan.order[request] - 1], settings["state"]
    before = link_to(plan, request)
    filed = recorded_weights(plan, request, settings["digests"])
    replaced = replacements(plan, request, state, filed)
    evidence = read_evidence(plan.path(paths.REQUEST, request=request))
    remains, scanned_at = scan(plan, [request], sources).as_dict(), now()
    certificate = {
        "study": plan.study["study"], "request": request, "state": state,
        "details": settings["details"], "issued": now(), "revised": None, "scanned_at": scanned_at,
        "owners": owners_of(named, plan.secret), "secret": identified(plan.secret),
        "records": evidence["records"], "replaced": replaced,
        "consistent": all(all(one["checks"].values()) for one in replaced),
        "verified": last(plan, request, replaced), "methods": settings["methods"],
        "cost": costs(plan, replaced),
        "metrics": against_oracle(metrics, settings["level"], settings["metrics"]),
        "versions": versions(plan, replaced), "remains": remains,
        "purged": last_purge(plan, request), "before": before,
        "takes_place_of": replaced_certificate(plan, request),
        "ledger": ledger_digest(plan.requests, request, plan.secret),
        "settings": settings["digests"], "code": release(),
        "data": {
            "before": data_digest(plan, plan.names[plan.order[request] - 1]),
            "after": data_digest(plan, state),
        },
    }  # fmt: skip
    return checked(certificate)


def replaced_certificate(plan: Plan, request: str) -> str | None:
    """The seal of an earlier certificate of this request, which was lost or is outdated, as the one
    after it names it: so that one still follows in the chain. None where none follows."""
    later = plan.names[plan.order[request] + 1 :][:1]
    filed = [plan.path(paths.CERTIFICATE, request=name) for name in later]
    links = [read_certificate(path)["before"] for path in filed if path.is_file()]
    return links[0]["digest"] if links else None


def data_digest(plan: Plan, state: str) -> str | None:
    """SHA-256 of the digests of all slices that a state's models are trained on; None where one is
    no longer on this disk."""
    digests = {}
    for seed, checkpoint in plan.checkpoints(state):
        for name in checkpoint.slices:
            path = plan.path(paths.SLICE_OF_NAME, seed=seed, name=name, end="json")
            if not path.is_file():
                return None
            digests[f"seed{seed}/{name}"] = read_json(path, "digest")["digest"]
    return seal_of(digests)


def last_purge(plan: Plan, request: str) -> dict | None:
    """The date of the last purge of a request's text or models, and how many files it removed and
    rewrote; None if there was none."""
    for purge in reversed(read_purges(plan.folder)):
        counts = {
            what: sum(request in entry["requests"] for entry in purge[what])
            for what in ("removed", "rewritten")
        }
        if any(counts.values()):
            return {"date": purge["date"], **counts}
    return None


# --- what was replaced ----------------------------------------------------------------------------


def replacements(plan: Plan, request: str, state: str, filed: Weights) -> list[dict]:
    """Each checkpoint that was retrained for the request: the old one, its replacement in
    ``state``, and whether that passes the checks. ``filed``: weights by earlier certificates.

    ``held``: whether the old one had learnt from a record of the owners; never for owners without
    training records.
    """
    named = plan.requests[plan.order[request] - 1]
    owners, trained = named.owners, trained_owners(plan, named)
    singles = [SINGLE] if plan.study["requests"] == "all" else []
    replaced = []
    for seed in plan.seeds:
        for sharding in dict.fromkeys([*singles, *plan.study["sharding"]]):
            cells, learnt = (
                {place(owner, sharding, plan.study["salt"], seed) for owner in some}
                for some in (owners, trained)
            )
            shards, slices = parse_sharding(sharding)
            for shard in range(1, shards + 1):
                first = min((part for where, part in cells if where == shard), default=slices + 1)
                for stage in range(first, slices + 1):
                    old = _before(plan, request, seed, (sharding, shard, stage))
                    held = any(where == shard and part <= stage for where, part in learnt)
                    replaced.append(
                        _replacement(
                            plan,
                            seed,
                            old,
                            plan.checkpoint(seed, sharding, shard, stage, state),
                            held,
                            filed,
                        )
                    )
    return replaced


def _before(plan: Plan, request: str, seed: int, place: tuple[str, int, int]) -> str:
    """The checkpoint that was replaced: the newest of an earlier state that was ever trained, as
    not all states need be."""
    states = plan.names[: plan.order[request]]
    names = [plan.checkpoint(seed, *place, state).name for state in reversed(states)]
    return next((name for name in names if _digest_of(plan, seed, name)), names[0])


def _replacement(plan: Plan, seed: int, old: str, new, held: bool, filed: Weights) -> dict:
    report = read_reports(plan.path(paths.CHECKPOINT, seed=seed, checkpoint=new.name))
    return {
        "seed": seed, "checkpoint": new.name, "sha256": report["sha256"], "replaced": old,
        "replaced_sha256": _digest_of(plan, seed, old), "held": held,
        "trained_on": report["slices"], "records": report["records"], "tokens": report["tokens"],
        "seconds": round(report["seconds"], 3), "start": report["start"],
        "start_sha256": report["start_sha256"], "device": report["device"],
        "recipe": recipe_of(report), "checks": Checks(plan, seed, filed).of(new),
    } | whereabouts(plan, removals(plan.folder), seed, new.name, old)  # fmt: skip


def whereabouts(
    plan: Plan, gone: dict[str, dict], seed: int, checkpoint: str, replaced: str
) -> dict:
    """What purges, whose removals are ``gone``, did to a checkpoint that took the place of another,
    and to that one.
    `superseded`: what took its place in turn; `replaced_removed`: when the other was removed."""

    def removed(name: str) -> str | None:
        model = plan.path(paths.CHECKPOINT, seed=seed, checkpoint=name) / paths.WEIGHTS
        there = model.is_file() or model.as_posix() not in gone
        return None if there else gone[model.as_posix()]["date"]

    superseded = None
    if date := removed(checkpoint):
        newest = plan.checkpoint(seed, *plan.parse(checkpoint)[:3], plan.latest).name
        sha256 = _digest_of(plan, seed, newest)
        superseded = {"checkpoint": newest, "sha256": sha256, "removed": date}
    return {"superseded": superseded, "replaced_removed": removed(replaced)}


def _digest_of(plan: Plan, seed: int, checkpoint: str) -> str | None:
    """SHA-256 of a checkpoint's weights, also of one that was purged; None where it was never on
    this disk."""
    folder = plan.path(paths.CHECKPOINT, seed=seed, checkpoint=checkpoint)
    model, report = folder / paths.WEIGHTS, folder / paths.REPORT
    if report.is_file():
        return read_json(report)["sha256"]
    gone = removals(plan.folder).get(model.as_posix())
    return gone and gone["sha256"]


# --- numbers --------------------------------------------------------------------------------------


def costs(plan: Plan, replaced: list[dict]) -> list[dict]:
    """Tokens and seconds trained for the request, by sharding: mean over seeds."""
    frame = pd.DataFrame([one | {"sharding": plan.parse(one["checkpoint"])[0]} for one in replaced])
    if frame.empty:
        return []
    sums = frame.groupby("sharding", sort=False)[["tokens", "seconds"]].sum() / len(plan.seeds)
    checkpoints = frame.groupby("sharding", sort=False).size()
    return [
        {
            "sharding": name,
            "checkpoints": int(checkpoints[name]),
            "tokens": float(row["tokens"]),
            "seconds": round(float(row["seconds"]), 3),
        }
        for name, row in sums.iterrows()
    ]


def against_oracle(
    metrics: list[pd.DataFrame], level: float, described: dict[str, dict]
) -> list[dict]:
    """Metrics of the request's state over all seeds, with the oracle's where the study has one.
    JSON has finite numbers only: NaN becomes null, and infinity, as of a perplexity, the text
    'inf'."""
    rows = (
        tidy(metrics, level, described)
        if metrics
        else pd.DataFrame(columns=["seed", "metric", "set"])
    )
    shown = rows[(rows["seed"] == ALL_SEEDS) & rows["metric"].isin(SHOWN) & rows["set"].isin(SETS)]
    columns = ["method", "shards", "set", "metric", "group", "value", "ci_low", "ci_high", "n"]
    return [
        {
            name: _in_json(value) if isinstance(value, float) else value
            for name, value in row.items()
        }
        for row in shown.reindex(columns=columns).to_dict("records")
    ]


def _in_json(value: float) -> float | str | None:
    return value if math.isfinite(value) else None if math.isnan(value) else str(value)


def versions(plan: Plan, replaced: list[dict]) -> dict[str, str]:
    """Versions that the models were trained with, by their reports, several where they differ, and
    the version that wrote the certificate."""
    from palimpsest import __version__

    collected: dict[str, set[str]] = {}
    for one in replaced:
        place = {"seed": one["seed"], "checkpoint": one["checkpoint"]}
        report = read_reports(plan.path(paths.CHECKPOINT, **place))
        for name, version in {"training code": report["code"], **report["versions"]}.items():
            collected.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in collected.items()} | {
        "certificate written by palimpsest": __version__
    }
