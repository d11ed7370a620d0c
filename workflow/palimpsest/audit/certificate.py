"""The certificate of a deletion request: what was replaced, how that was checked, what it cost, what is left on disk."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pandas as pd
import yaml
from jsonschema import Draft202012Validator

from palimpsest.audit.purges import owners_of, read_purges
from palimpsest.audit.scan import scan, study_folder
from palimpsest.audit.trained import removed
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.shards import parse_sharding, place
from palimpsest.data.storage import read_parquet
from palimpsest.files import file_digest, read_json
from palimpsest.plan import SINGLE, Plan
from palimpsest.tables import ALL_SEEDS, tidy

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "certificate.schema.yaml"
SHOWN = ("accuracy", "equalized_odds_max", "agreement", "membership_auroc", "retrained_share", "expected_share")
CHECKS = {
    "weights": "the file has the SHA-256 that training wrote down",
    "records": "the slices are those that it was trained on, and hold no record of a forgotten owner",
    "previous": "the checkpoint that it started from is the one on disk, and passes these checks itself",
    "device": "it was trained on a CPU, where training gives the same bytes every time",
}


def certify(plan: Plan, request: str, state: str, metrics: list[pd.DataFrame], level: float, code: str, sources: list[dict]) -> dict:
    """The certificate of ``request``, whose deletion holds in ``state``; it fits ``workflow/schemas/certificate.schema.yaml``."""
    named = plan.requests[plan.order[request] - 1]
    replaced = replacements(plan, request, state)
    evidence = read_json(study_folder(plan) / "requests" / f"{request}.json")
    certificate = {
        "study": plan.study["study"], "request": request, "state": state, "issued": now(),
        "owners": owners_of(named, plan.study["salt"]), "records": evidence["records"], "replaced": replaced,
        "bit_exact": all(all(one["checks"].values()) for one in replaced),
        "cost": costs(plan, replaced), "metrics": against_oracle(metrics, level), "versions": versions(replaced, code),
        "remains": scan(plan, [request], sources).as_dict(), "purged": last_purge(plan, request),
    }  # fmt: skip
    return checked(certificate)


def checked(certificate: dict) -> dict:
    Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))).validate(certificate)
    return certificate


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def last_purge(plan: Plan, request: str) -> dict | None:
    """The last purge that a request's text and models fell under."""
    for purge in reversed(read_purges(study_folder(plan))):
        if request in purge["owners"]:
            return {"date": purge["date"], "removed": len(purge["removed"]), "rewritten": len(purge["rewritten"])}
    return None


# --- what was replaced --------------------------------------------------------------------------------------------


def replacements(plan: Plan, request: str, state: str) -> list[dict]:
    """Each checkpoint that held an owner of the request, what took its place in ``state``, and whether that passes the ``CHECKS``."""
    before, owners = plan.names[plan.order[request] - 1], plan.requests[plan.order[request] - 1].owners
    singles = [SINGLE] if plan.study["requests"] == "all" else []
    found = []
    for seed in plan.seeds:
        for sharding in dict.fromkeys([*singles, *plan.study["sharding"]]):
            cells = {place(owner, sharding, plan.study["salt"], seed) for owner in owners}
            shards, slices = parse_sharding(sharding)
            for shard in range(1, shards + 1):
                first = min((part for where, part in cells if where == shard), default=slices + 1)
                for stage in range(first, slices + 1):
                    old = plan.checkpoint(seed, sharding, shard, stage, before).name
                    found.append(_replacement(plan, seed, old, plan.checkpoint(seed, sharding, shard, stage, state)))
    return found


def _replacement(plan: Plan, seed: int, old: str, new) -> dict:
    folder = study_folder(plan) / f"seed{seed}"
    report = read_json(folder / new.name / "training.json")
    return {
        "seed": seed, "checkpoint": new.name, "sha256": report["sha256"], "replaced": old,
        "replaced_sha256": _digest_of(plan, seed, old), "trained_on": report["slices"], "records": report["records"],
        "tokens": report["tokens"], "seconds": round(report["seconds"], 3), "start": report["start"],
        "device": report["device"], "checks": _Checks(plan, seed).of(new),
    }  # fmt: skip


def _digest_of(plan: Plan, seed: int, checkpoint: str) -> str | None:
    """SHA-256 of a checkpoint's weights, also of one that was purged; None where it never lay on this disk."""
    model = study_folder(plan) / f"seed{seed}" / checkpoint / "model.safetensors"
    report = model.with_name("training.json")
    if report.is_file():
        return read_json(report)["sha256"]
    return next((entry["sha256"] for entry in removed(study_folder(plan)) if entry["path"] == model.as_posix()), None)


class _Checks:
    """Whether a checkpoint is, bit for bit, what training without the forgotten owners gives."""

    def __init__(self, plan: Plan, seed: int):
        self.plan, self.seed, self.folder = plan, seed, study_folder(plan) / f"seed{seed}"

    def of(self, checkpoint) -> dict[str, bool]:
        report = read_json(self.folder / checkpoint.name / "training.json")
        *_, version = self.plan.parse(checkpoint.name)
        forgotten = {
            pseudonym(owner, self.plan.study["salt"])
            for request in self.plan.requests[: self.plan.order[version]]
            for owner in request.owners
        }
        slices = [self.folder / "shards" / f"{name}.parquet" for name in checkpoint.slices]
        return {
            "weights": _sha256(self.folder / checkpoint.name / "model.safetensors") == report["sha256"],
            "records": [_slice_digest(path) for path in slices] == report["slices"]
            and not any(_owners(path, self.plan.study["salt"]) & forgotten for path in slices),
            "previous": self._previous(checkpoint, report["previous"]),
            "device": report["device"] == "cpu",
        }

    def _previous(self, checkpoint, digest: str | None) -> bool:
        if checkpoint.previous is None:
            return digest is None
        previous = self.plan.checkpoint(self.seed, *self.plan.parse(checkpoint.previous))
        return _sha256(self.folder / previous.name / "model.safetensors") == digest and all(self.of(previous).values())


@cache
def _sha256(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None


def _slice_digest(path: Path) -> str | None:
    report = path.with_suffix(".json")
    return read_json(report)["digest"] if report.is_file() else None


@cache
def _owners(path: Path, salt: str) -> set[str]:
    return {pseudonym(owner, salt) for owner in set(read_parquet(path)["owner"])}


# --- numbers ------------------------------------------------------------------------------------------------------


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


def against_oracle(metrics: list[pd.DataFrame], level: float) -> list[dict]:
    """Numbers of the request's state over all seeds, the oracle's among them where the study has one."""
    rows = tidy(metrics, level) if metrics else pd.DataFrame(columns=["seed", "metric", "set"])
    shown = rows[(rows["seed"] == ALL_SEEDS) & rows["metric"].isin(SHOWN) & rows["set"].isin(["test", "train", "forget", "forget_before"])]
    columns = ["method", "shards", "set", "metric", "group", "value", "ci_low", "ci_high"]
    return [
        {name: (None if isinstance(value, float) and value != value else value) for name, value in row.items()}
        for row in shown.reindex(columns=columns).to_dict("records")
    ]


def versions(replaced: list[dict], code: str) -> dict[str, str]:
    """Of what is installed where this runs: the environment of a rule has no Snakemake."""
    import importlib.metadata
    import importlib.util

    from palimpsest import __version__

    packages = ("torch", "transformers", "tokenizers", "accelerate", "safetensors", "numpy", "pandas", "pyarrow", "snakemake")
    installed = filter(importlib.util.find_spec, packages)
    return {"training code": code, "palimpsest": __version__} | {name: importlib.metadata.version(name) for name in installed}
