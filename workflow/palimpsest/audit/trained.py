"""Which models and rules on disk learnt from forgotten text: by their place in the plan and whose
records they used, for training or, in methods, as unseen text; their copies by digest."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from palimpsest.data.ledger import START, Request
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.shards import place
from palimpsest.files import read_json
from palimpsest.study import paths
from palimpsest.study.evidence import read_evidence
from palimpsest.study.plan import Plan
from palimpsest.study.purges import removed

# These start from the base, which was trained on everybody, or train on the forgotten records: each
# has learnt from the owners of all requests, earlier or later.
OF_METHODS = (paths.METHOD, paths.AUXILIARY, paths.ATTACK)


def learnt_from_forgotten(study: Path, plan: Plan) -> dict[str, set[str]]:
    """Path of weights, fitted rules or chosen settings below ``study`` -> the requests whose owners
    they learnt from. Settings are chosen by records of all owners, forgotten or retained."""
    requests_of = {}
    trained = {request.name: trained_owners(plan, request) for request in plan.requests}
    unseen = {request.name for request in plan.requests if has_unseen(study, request)}
    folders = set(checkpoints(study))
    for path in sorted(study.glob("seed*/**/*.safetensors")):
        # Weights outside the folders of models are judged by their own path, so that none escape.
        folder = next((one for one in reversed(path.parents) if one in folders), path.parent)
        within = folder.relative_to(study).as_posix()
        if requests := requests_within(plan, within, trained, unseen):
            requests_of[path.as_posix()] = requests
    for path in study.glob(paths.places(paths.RULES)):
        later = {
            request.name
            for number, request in enumerate(plan.requests, 1)
            if number > plan.order.get(path.stem, 0)
        }
        if later and any(entry["rule"] for entry in read_json(path)):
            requests_of[path.as_posix()] = later
    for path in study.glob(paths.places(paths.CHOICE)):
        requests_of[path.as_posix()] = {request.name for request in plan.requests}
    return requests_of


def checkpoints(study: Path) -> list[Path]:
    """Folders of all models of this study, whole or not."""
    candidates = ((one, path) for one in paths.MODELS for path in study.glob(paths.places(one)))
    return sorted(
        path
        for one, path in candidates
        if path.is_dir() and paths.names(one, path.relative_to(study).as_posix())
    )


def trained_owners(plan: Plan, request: Request) -> list[str]:
    """The owners of a request that had training records, by its evidence; all of them where there
    is none."""
    path = plan.path(paths.REQUEST, request=request.name)
    if not path.is_file():
        return [*request.owners]
    trained = read_evidence(path)["trained"]
    return [owner for owner in request.owners if pseudonym(owner, plan.secret) in trained]


def has_unseen(study: Path, request: Request) -> bool:
    """Whether the owners of a request had records of split extra, by its evidence: the text that
    methods use as unseen."""
    path = study / paths.below(paths.REQUEST).format(request=request.name)
    return path.is_file() and read_evidence(path)["records"].get("extra", 0) > 0


def requests_within(
    plan: Plan, checkpoint: str, trained: dict[str, list[str]], unseen: Collection[str] = ()
) -> set[str]:
    """Requests some of whose ``trained`` owners a checkpoint ('seed1/base') was trained on; for a
    model of a method, or of no known kind, also ``unseen`` requests.

    A state that is not in the ledger counts as the oldest, since nothing says any more what it was
    trained on.
    """
    seed, _, name = checkpoint.partition("/")
    if not any(paths.names(one, checkpoint) for one in (paths.BASE, paths.ORACLE, paths.TEACHER)):
        made = (paths.names(one, checkpoint) for one in OF_METHODS)
        state = next(filter(None, made), {"state": ""})["state"]
        learnt = {request.name for request in plan.requests if trained[request.name]}
        return learnt | held_against(plan, state, unseen)
    sharding, shard, stage, state = plan.parse(name)
    number = plan.order.get(state, plan.order[START])
    return {
        request.name
        for request in plan.requests[number:]
        if any(
            _within(place(owner, sharding, plan.study["salt"], int(seed[4:])), shard, stage)
            for owner in trained[request.name]
        )
    }


def held_against(plan: Plan, state: str, unseen: Collection[str]) -> set[str]:
    """Requests whose unseen text a method's models of ``state`` may have used. The unseen set
    excludes owners who have asked by then; but a model may continue that of the first request, so
    only the first request is excluded for certain."""
    return {
        request.name
        for request in plan.requests[min(plan.order.get(state, 0), 1) :]
        if request.name in unseen
    }


def _within(cell: tuple[int, int], shard: int, stage: int) -> bool:
    return cell[0] == shard and cell[1] <= stage


def digests(study: Path, models: dict[str, set[str]]) -> dict[str, set[str]]:
    """SHA-256 of weights that learnt from forgotten text -> requests: those on disk, and those that
    a purge removed.

    Weights that training without the forgotten also gave, bit for bit, learnt nothing from them.
    """
    requests_of: dict[str, set[str]] = {}
    for path, requests in models.items():
        report = Path(path).with_name(paths.REPORT)
        if path.endswith(paths.WEIGHTS) and report.is_file():
            requests_of.setdefault(read_json(report)["sha256"], set()).update(requests)
    for entry in removed(study):
        if "model" in entry["kinds"] and entry["path"].endswith(paths.WEIGHTS):
            requests_of.setdefault(entry["sha256"], set()).update(entry["requests"])
    clean = (
        folder / paths.REPORT
        for folder in checkpoints(study)
        if (folder / paths.WEIGHTS).as_posix() not in models
    )
    for report in clean:
        if report.is_file():
            requests_of.pop(read_json(report)["sha256"], None)
    return requests_of
