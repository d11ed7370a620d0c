"""Which models and rules on disk learnt from forgotten text: known from their place in the plan and
whose records were trained on or, by methods, taken as unseen text; their copies by digest."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from palimpsest.audit.purges import removed
from palimpsest.data.ledger import START, Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.shards import place
from palimpsest.files import read_json
from palimpsest.study import paths
from palimpsest.study.plan import Plan

# Starts from the base, which knew everybody, or learns what is forgotten: each of these models has
# learnt from all who ask, ever.
OF_METHODS = (paths.METHOD, paths.AUXILIARY, paths.ATTACK)


def learnt_from_forgotten(study: Path, plan: Plan) -> dict[str, set[str]]:
    """Path of weights or fitted rules below ``study`` -> the requests whose owners they learnt
    from."""
    found = {}
    trained = {
        request.name: trained_owners(study, request, plan.study["salt"])
        for request in plan.requests
    }
    unseen = {request.name for request in plan.requests if has_unseen(study, request)}
    folders = set(checkpoints(study))
    for path in sorted(study.glob("seed*/**/*.safetensors")):
        # Weights that lie where no model is made are known by their own place, so that none escape.
        folder = next((one for one in reversed(path.parents) if one in folders), path.parent)
        within = folder.relative_to(study).as_posix()
        if requests := requests_within(plan, within, trained, unseen):
            found[path.as_posix()] = requests
    for path in study.glob("seed*/decisions/*/*.json"):
        later = {
            request.name
            for number, request in enumerate(plan.requests, 1)
            if number > plan.order.get(path.stem, 0)
        }
        if later and any(entry["rule"] for entry in read_json(path)):
            found[path.as_posix()] = later
    return found


def checkpoints(study: Path) -> list[Path]:
    """Folders of all models of this study, whole or not."""
    found = ((one, path) for one in paths.MODELS for path in study.glob(paths.places(one)))
    return sorted(
        path
        for one, path in found
        if path.is_dir() and paths.names(one, path.relative_to(study).as_posix())
    )


def trained_owners(study: Path, request: Request, salt: str) -> list[str]:
    """The owners of a request that had training records, by its evidence; all of them where there
    is none."""
    path = study / "requests" / f"{request.name}.json"
    known = read_json(path).get("trained") if path.is_file() else None
    return [owner for owner in request.owners if known is None or pseudonym(owner, salt) in known]


def has_unseen(study: Path, request: Request) -> bool:
    """Whether the owners of a request had records of split extra, by its evidence: the text that
    methods take for unseen."""
    path = study / "requests" / f"{request.name}.json"
    return path.is_file() and read_json(path)["records"].get("extra", 0) > 0


def requests_within(
    plan: Plan, checkpoint: str, trained: dict[str, list[str]], unseen: Collection[str] = ()
) -> set[str]:
    """Requests whose ``trained`` owners were among what a checkpoint ('seed1/base') was trained on,
    and of a method's also ``unseen`` ones. So it is of what is not known to be anybody's.

    A version that the ledger does not know is taken for the oldest: what it was trained on, nobody
    can say any more.
    """
    seed, _, name = checkpoint.partition("/")
    if not any(paths.names(one, checkpoint) for one in (paths.BASE, paths.ORACLE, paths.TEACHER)):
        made = (paths.names(one, checkpoint) for one in OF_METHODS)
        state = next(filter(None, made), {"state": ""})["state"]
        known = {request.name for request in plan.requests if trained[request.name]}
        return known | held_against(plan, state, unseen)
    sharding, shard, stage, version = plan.parse(name)
    number = plan.order.get(version, plan.order[START])
    return {
        request.name
        for request in plan.requests[number:]
        if any(
            _within(place(owner, sharding, plan.study["salt"], int(seed[4:])), shard, stage)
            for owner in trained[request.name]
        )
    }


def held_against(plan: Plan, state: str, unseen: Collection[str]) -> set[str]:
    """Requests whose unseen text a method's models of ``state`` took. The set leaves out whoever
    has asked by then; but a model may go on from that of the first request, so that the first
    request alone is left out of all."""
    return {
        request.name
        for request in plan.requests[min(plan.order.get(state, 0), 1) :]
        if request.name in unseen
    }


def _within(cell: tuple[int, int], shard: int, stage: int) -> bool:
    return cell[0] == shard and cell[1] <= stage


def digests(study: Path, models: dict[str, set[str]]) -> dict[str, set[str]]:
    """SHA-256 of weights that learnt from forgotten text -> requests: those here, and those that a
    purge removed.

    Weights that training gave without the forgotten as well, bit for bit, learnt nothing from them.
    """
    known: dict[str, set[str]] = {}
    for path, requests in models.items():
        report = Path(path).with_name("training.json")
        if path.endswith("model.safetensors") and report.is_file():
            known.setdefault(read_json(report)["sha256"], set()).update(requests)
    for entry in removed(study):
        if "model" in entry["kinds"] and entry["path"].endswith("model.safetensors"):
            known.setdefault(entry["sha256"], set()).update(entry["requests"])
    clean = (
        folder / "training.json"
        for folder in checkpoints(study)
        if (folder / "model.safetensors").as_posix() not in models
    )
    for report in clean:
        if report.is_file():
            known.pop(read_json(report)["sha256"], None)
    return known
