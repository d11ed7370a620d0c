"""What else on this disk says of a checkpoint which weights it has: so that whoever changes it, and
its report, has to change them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from palimpsest.audit.filed import read_certificate
from palimpsest.data.shards import SINGLE, parse_sharding
from palimpsest.engine.sealed import seal_of
from palimpsest.files import read_json
from palimpsest.study import paths
from palimpsest.study.plan import Plan

MADE_OF = (
    "names", "slices", "previous", "start", "start_sha256", "epochs", "device", "code", "versions",
)  # fmt: skip

Weights = dict[tuple[int, str, str], str]  # (seed, checkpoint, recipe) -> SHA-256


def recipe_of(report: dict) -> str:
    """Digest of what a checkpoint was made of and with, by its report: of equal recipes come equal
    weights."""
    return seal_of({name: report.get(name) for name in MADE_OF})


def recorded_weights(plan: Plan, request: str, settings: dict[str, str]) -> Weights:
    """What the certificates before that of a request tell, of a study with these ``settings``."""
    files = [plan.path(paths.CERTIFICATE, request=name) for name in plan.names[1:]]
    earlier = filter(Path.is_file, files[: plan.order[request] - 1])
    return told_weights(map(read_certificate, earlier), settings)


def told_weights(certificates: Iterable[dict], settings: dict[str, str]) -> Weights:
    """settings: their digests, as in certificates. Those of a study with others are no evidence."""
    return {
        (one["seed"], one["checkpoint"], one["recipe"]): one["sha256"]
        for certificate in certificates
        if certificate["settings"] == settings
        for one in certificate["replaced"]
    }


def started_from(plan: Plan, seed: int, checkpoint: str) -> Iterator[Path]:
    """Reports of the models on this disk that started from a checkpoint: the stages after it, or
    what attacks made of a single model. `previous` in them is the SHA-256
    of its weights."""
    sharding, shard, stage, state = plan.parse(checkpoint)
    folder = plan.path(paths.SEED, seed=seed)
    if sharding == SINGLE:
        model = checkpoint.partition("/")[0]
        attacks = paths.ATTACK_NAME.format(attack="*", attacked=model, state=state)
        yield from sorted(folder.glob(f"{attacks}/{paths.REPORT}"))
        return
    if stage == parse_sharding(sharding)[1]:
        return
    for later in plan.names[plan.order[state] :]:
        made = plan.checkpoint(seed, sharding, shard, stage + 1, later)
        report = folder / made.name / paths.REPORT
        if made.previous == checkpoint and report.is_file():
            yield report


def agrees(report: Path, sha256: str) -> bool:
    return read_json(report, "previous")["previous"] == sha256
