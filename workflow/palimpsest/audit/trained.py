"""Which models and rules on disk learnt from forgotten text: known from their place in the plan, and their copies by digest."""

from __future__ import annotations

from pathlib import Path

from palimpsest.data.ledger import START
from palimpsest.data.shards import place
from palimpsest.files import read_json
from palimpsest.plan import Plan


def learnt_from_forgotten(study: Path, plan: Plan) -> dict[str, set[str]]:
    """Path of weights or fitted rules below ``study`` -> the requests whose owners they learnt from."""
    found = {}
    for folder in checkpoints(study):
        requests = requests_within(plan, folder.relative_to(study).as_posix())
        if requests:
            found |= {path.as_posix(): requests for path in folder.rglob("*.safetensors")}
    for path in study.glob("seed*/decisions/*/*.json"):
        later = {request.name for number, request in enumerate(plan.requests, 1) if number > plan.order.get(path.stem, 0)}
        if later and any(entry["rule"] for entry in read_json(path)):
            found[path.as_posix()] = later
    return found


def checkpoints(study: Path) -> list[Path]:
    """Folders of all checkpoints, whole or not, whatever study made them."""
    patterns = ("seed*/base", "seed*/oracle/*", "seed*/teachers/*/*/*/*")
    return sorted(path for pattern in patterns for path in study.glob(pattern) if path.is_dir())


def requests_within(plan: Plan, checkpoint: str) -> set[str]:
    """Requests whose owners were among what a checkpoint ('seed1/base') was trained on.

    A version that the ledger does not know is taken for the oldest: what it was trained on, nobody can say any more.
    """
    seed, _, name = checkpoint.partition("/")
    sharding, shard, stage, version = plan.parse(name)
    number = plan.order.get(version, plan.order[START])
    return {
        request.name
        for request in plan.requests[number:]
        if any(_within(place(owner, sharding, plan.study["salt"], int(seed[4:])), shard, stage) for owner in request.owners)
    }


def _within(cell: tuple[int, int], shard: int, stage: int) -> bool:
    return cell[0] == shard and cell[1] <= stage


def digests(study: Path, models: dict[str, set[str]]) -> dict[str, set[str]]:
    """SHA-256 of weights that learnt from forgotten text -> requests: those here, and those that a purge removed."""
    known: dict[str, set[str]] = {}
    for path, requests in models.items():
        report = Path(path).with_name("training.json")
        if path.endswith("model.safetensors") and report.is_file():
            known.setdefault(read_json(report)["sha256"], set()).update(requests)
    for entry in removed(study):
        if "model" in entry["kinds"] and entry["path"].endswith("model.safetensors"):
            known.setdefault(entry["sha256"], set()).update(entry["requests"])
    return known


def removed(study: Path) -> list[dict]:
    """What purges of a study removed so far."""
    path = study / "purged.json"
    return [entry for purge in read_json(path)["purges"] for entry in purge["removed"]] if path.is_file() else []
