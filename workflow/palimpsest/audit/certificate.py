"""The certificate of a deletion request: what was replaced, how that was checked, what it cost,
what is left on disk."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import yaml
from jsonschema import Draft202012Validator

from palimpsest.audit.checks import Checks
from palimpsest.audit.purges import owners_of, read_purges, removed
from palimpsest.audit.scan import scan, study_folder
from palimpsest.audit.trained import trained_owners
from palimpsest.data.shards import parse_sharding, place
from palimpsest.files import read_json
from palimpsest.study.plan import SINGLE, Plan
from palimpsest.tables import ALL_SEEDS, tidy
from palimpsest.training.report import read_reports

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "certificate.schema.yaml"
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
    plan: Plan, request: str, wanted: dict, metrics: list[pd.DataFrame], sources: list[dict]
) -> dict:
    """The certificate of ``request``, whose deletion holds in ``wanted["state"]``, with intervals
    of ``wanted["level"]``, of metrics as ``wanted["metrics"]`` describes them; it fits
    ``workflow/schemas/certificate.schema.yaml``."""
    named, state = plan.requests[plan.order[request] - 1], wanted["state"]
    replaced = replacements(plan, request, state)
    evidence = read_json(study_folder(plan) / "requests" / f"{request}.json")
    certificate = {
        "study": plan.study["study"], "request": request, "state": state, "issued": now(),
        "owners": owners_of(named, plan.study["salt"]), "records": evidence["records"],
        "replaced": replaced, "bit_exact": all(all(one["checks"].values()) for one in replaced),
        "cost": costs(plan, replaced),
        "metrics": against_oracle(metrics, wanted["level"], wanted["metrics"]),
        "versions": versions(plan, replaced), "remains": scan(plan, [request], sources).as_dict(),
        "purged": last_purge(plan, request),
    }  # fmt: skip
    return checked(certificate)


def checked(certificate: dict) -> dict:
    Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))).validate(certificate)
    return certificate


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def last_purge(plan: Plan, request: str) -> dict | None:
    """The last purge that a request's text or models fell under, and how many files it took of
    them."""
    for purge in reversed(read_purges(study_folder(plan))):
        counts = {
            what: sum(request in entry["requests"] for entry in purge[what])
            for what in ("removed", "rewritten")
        }
        if any(counts.values()):
            return {"date": purge["date"], **counts}
    return None


# --- what was replaced ----------------------------------------------------------------------------


def replacements(plan: Plan, request: str, state: str) -> list[dict]:
    """Each checkpoint that the request had trained anew, what took its place in ``state``, and
    whether that passes the checks.

    ``held``: whether the one before had learnt from a record of the owners; of owners without
    training records none has.
    """
    named = plan.requests[plan.order[request] - 1]
    owners, trained = named.owners, trained_owners(study_folder(plan), named, plan.study["salt"])
    singles = [SINGLE] if plan.study["requests"] == "all" else []
    found = []
    for seed in plan.seeds:
        for sharding in dict.fromkeys([*singles, *plan.study["sharding"]]):
            cells, learnt = (
                {place(one, sharding, plan.study["salt"], seed) for one in some}
                for some in (owners, trained)
            )
            shards, slices = parse_sharding(sharding)
            for shard in range(1, shards + 1):
                first = min((part for where, part in cells if where == shard), default=slices + 1)
                for stage in range(first, slices + 1):
                    old = _before(plan, request, seed, (sharding, shard, stage))
                    held = any(where == shard and part <= stage for where, part in learnt)
                    found.append(
                        _replacement(
                            plan,
                            seed,
                            old,
                            plan.checkpoint(seed, sharding, shard, stage, state),
                            held,
                        )
                    )
    return found


def _before(plan: Plan, request: str, seed: int, place: tuple[str, int, int]) -> str:
    """The checkpoint whose place was taken: the newest of an earlier state that was trained; states
    in between may never have been."""
    states = plan.names[: plan.order[request]]
    found = [plan.checkpoint(seed, *place, state).name for state in reversed(states)]
    return next((name for name in found if _digest_of(plan, seed, name)), found[0])


def _replacement(plan: Plan, seed: int, old: str, new, held: bool) -> dict:
    folder = study_folder(plan) / f"seed{seed}"
    report = read_reports(folder / new.name)
    return {
        "seed": seed, "checkpoint": new.name, "sha256": report["sha256"], "replaced": old,
        "replaced_sha256": _digest_of(plan, seed, old), "held": held,
        "trained_on": report["slices"], "records": report["records"], "tokens": report["tokens"],
        "seconds": round(report["seconds"], 3), "start": report["start"],
        "start_sha256": report["start_sha256"], "device": report["device"],
        "checks": Checks(plan, seed).of(new),
    }  # fmt: skip


def _digest_of(plan: Plan, seed: int, checkpoint: str) -> str | None:
    """SHA-256 of a checkpoint's weights, also of one that was purged; None where it never lay on
    this disk."""
    model = study_folder(plan) / f"seed{seed}" / checkpoint / "model.safetensors"
    report = model.with_name("training.json")
    if report.is_file():
        return read_json(report)["sha256"]
    return next(
        (
            entry["sha256"]
            for entry in removed(study_folder(plan))
            if entry["path"] == model.as_posix()
        ),
        None,
    )


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
    """Numbers of the request's state over all seeds, the oracle's among them where the study has
    one. JSON knows finite numbers alone: NaN is null, and an infinite one, as a perplexity may be,
    the text 'inf'."""
    rows = (
        tidy(metrics, level, described)
        if metrics
        else pd.DataFrame(columns=["seed", "metric", "set"])
    )
    shown = rows[(rows["seed"] == ALL_SEEDS) & rows["metric"].isin(SHOWN) & rows["set"].isin(SETS)]
    columns = ["method", "shards", "set", "metric", "group", "value", "ci_low", "ci_high"]
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
    """What the models were made with, by their own reports, several where they differ; and what
    wrote the certificate."""
    from palimpsest import __version__

    found: dict[str, set[str]] = {}
    for one in replaced:
        report = read_reports(study_folder(plan) / f"seed{one['seed']}" / one["checkpoint"])
        for name, version in {"training code": report["code"], **report["versions"]}.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(known)) for name, known in found.items()} | {
        "certificate written by palimpsest": __version__
    }
