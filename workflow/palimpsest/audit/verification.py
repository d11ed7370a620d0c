"""Whether training the replacements of a request again gives the bytes that lie there: which are
drawn, which cannot be, what may explain a difference, and the record of it."""

from __future__ import annotations

import platform
import random
from pathlib import Path

from palimpsest.engine.sealed import read_sealed, write_sealed
from palimpsest.randomness import seed_of
from palimpsest.study import paths
from palimpsest.study.plan import Checkpoint, Plan
from palimpsest.training.report import installed_versions, processor

REMEDY = "remove it, and verify again"
# What training tells of itself and no weights depend on.
BESIDE = {"seconds", "peak_mb", "sources", "sha256", "files", "digest"}


def chain(plan: Plan, seed: int, name: str) -> list[Checkpoint]:
    """A checkpoint with those that it started from, the first stage first."""
    made = plan.checkpoint(seed, *plan.parse(name))
    return [*(chain(plan, seed, made.previous) if made.previous else []), made]


def unavailable(plan: Plan, seed: int, name: str, start: list[str]) -> str:
    """Why a checkpoint cannot be trained again and compared, or ''; ``start``: the files that a
    first stage starts from."""
    if plan.parse(name)[-1] not in plan.order:
        return "its request is not in the ledger any more"
    if plan.gone(seed, name):
        return "it learnt from text that was purged"
    stages = chain(plan, seed, name)
    slices = [
        plan.path(paths.SLICE_OF_NAME, seed=seed, name=one, end=end)
        for one in stages[-1].slices
        for end in ("parquet", "json")
    ]
    weights = [weights_of(plan, seed, one.name) for one in stages]
    missing = [str(path) for path in (*weights, *slices, *map(Path, start)) if not path.is_file()]
    return f"not on this disk: {', '.join(missing)}" if missing else ""


def drawn(candidates: list[dict], sample: int | None, *names: object) -> list[dict]:
    """``sample`` of the candidates, in their order; all where it is None, or where there are no
    more."""
    if sample is None or sample >= len(candidates):
        return candidates
    chosen = random.Random(seed_of(*names)).sample(range(len(candidates)), sample)
    return [candidates[number] for number in sorted(chosen)]


def weights_of(plan: Plan, seed: int, name: str) -> Path:
    return plan.path(paths.CHECKPOINT, seed=seed, checkpoint=name) / paths.WEIGHTS


def machine(device: str) -> dict[str, str]:
    """What the last bits of a training depend on here; neither host nor user."""
    system = f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}"
    torch = f"torch {installed_versions()['torch']}"
    return {"system": system, "processor": processor(), "torch": torch, "device": device}


def differences(recorded: dict, again: dict) -> list[str]:
    """In what the report of a training differs from that of training again, but for the result."""
    told = []
    for key in sorted({*recorded, *again} - BESIDE):
        before, now = recorded.get(key, "not recorded"), again.get(key)
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            changed = sorted(one for one in {*before, *now} if before.get(one) != now.get(one))
            told += [f"{one} {before.get(one)}, now {now.get(one)}" for one in changed]
        elif isinstance(before, list) or isinstance(now, list):
            told.append(key)
        else:
            told.append(f"{key} {before}, now {now}")
    return told


def record(plan: Plan, request: str, verified: dict) -> Path:
    """Write down a verification, sealed; -> its file."""
    path = plan.path(paths.VERIFICATION, request=request)
    write_sealed(path, {"study": plan.study["study"], "request": request, "verified": verified})
    return path


def last(plan: Plan, request: str, replaced: list[dict]) -> dict | None:
    """The last verification of a request; None where there is none, or where one of its
    checkpoints is ``replaced`` by other weights than those that were compared."""
    path = plan.path(paths.VERIFICATION, request=request)
    if not path.is_file():
        return None
    verified = read_sealed(path, REMEDY)["verified"]
    now = {(one["seed"], one["checkpoint"]): one["sha256"] for one in replaced}
    for one in verified["checkpoints"]:
        compared = one["sha256"], one["again"]
        if now.get((one["seed"], one["checkpoint"]), one["sha256"]) not in compared:
            return None
    return verified
