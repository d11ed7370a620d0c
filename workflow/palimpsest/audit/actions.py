"""Purge: remove from disk the files that hold forgotten records, and models that learnt from them.

Files that the present state needs are rewritten without the forgotten rows; they keep their dates,
so that Snakemake reruns nothing. The others are removed. The list of removals is written first, so
that the next purge finishes one that was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from palimpsest.audit.look import KINDS, Report
from palimpsest.audit.scan import of_another_study
from palimpsest.audit.trained import checkpoints
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.secret import identified
from palimpsest.data.shards import SINGLE
from palimpsest.data.storage import TEXTS, read_parquet, records_digest, write_parquet
from palimpsest.engine.sealed import write_sealed
from palimpsest.files import file_digest, keeping_date, read_json, write_json
from palimpsest.study import paths
from palimpsest.study.plan import Plan
from palimpsest.study.purges import FILE, owners_of, read_purges


@dataclass(frozen=True)
class Action:
    """What happens to a file and why: `remove`, `rewrite` without the rows, or `leave`."""

    path: Path
    what: str
    kinds: tuple[str, ...]
    requests: tuple[str, ...]

    def __str__(self) -> str:
        why = "; ".join(KINDS[kind] for kind in self.kinds)
        return f"{self.what} {self.path}: {why} ({', '.join(self.requests)})"


def actions(plan: Plan, report: Report) -> list[Action]:
    """One action for each file that the audit found and for its companions: the whole folder of a
    model, the digest of a table."""
    folders = {folder.as_posix() for folder in checkpoints(plan.folder)}
    kept = needed(plan)
    held: dict[str, dict[str, set]] = {}
    for finding in report.findings:
        for path in _with_companions(Path(finding.path), folders, kept):
            entry = held.setdefault(path.as_posix(), {"kinds": set(), "requests": set()})
            entry["kinds"].add(finding.kind)
            entry["requests"].update(finding.requests)
    return [
        Action(
            Path(path),
            _what(plan, Path(path), kept),
            tuple(sorted(entry["kinds"])),
            tuple(sorted(entry["requests"])),
        )
        for path, entry in sorted(held.items())
    ]


# Sets that are scored once for all states.
KEPT_SETS = ("heldout", "trained")


def needed(plan: Plan) -> set[str]:
    """Tables that the newest state needs, although they hold forgotten records too."""
    tables = {plan.path(one) for one in (paths.RECORDS, paths.INDEX, paths.CANDIDATES)}
    tables |= {plan.path(paths.SET, set=name) for name in KEPT_SETS}
    for path in plan.folder.glob(paths.places(paths.SCORES)):
        scored = paths.names(paths.SCORES, path.relative_to(plan.folder).as_posix())
        if scored["set"] not in KEPT_SETS:
            continue
        model = scored["model"]
        sharding = model.removeprefix("teachers-") if model.startswith("teachers-") else SINGLE
        if scored["state"] in plan.ensemble_states(int(scored["seed"]), sharding, plan.latest):
            tables.add(path)
    return {path.as_posix() for path in tables}


def newest(plan: Plan) -> set[str]:
    """Paths of the models of the newest state, and of the slices that they were trained on."""
    files = set()
    for seed, checkpoint in plan.checkpoints(plan.latest):
        files.add(
            plan.path(paths.CHECKPOINT, seed=seed, checkpoint=checkpoint.name) / paths.WEIGHTS
        )
        for name in checkpoint.slices:
            files.add(plan.path(paths.SLICE_OF_NAME, seed=seed, name=name, end="parquet"))
    return {path.as_posix() for path in files}


def _with_companions(path: Path, folders: set[str], kept: set[str]) -> list[Path]:
    parents = [parent for parent in path.parents if parent.as_posix() in folders]
    if parents:
        return sorted(one for one in parents[0].rglob("*") if one.is_file())
    twins = {".parquet": ".json", ".json": ".parquet"}
    if (
        path.suffix in twins
        and path.as_posix() not in kept
        and {"shards", "sets", "decisions"} & set(path.parts)
    ):
        return [path, *(twin for twin in [path.with_suffix(twins[path.suffix])] if twin.is_file())]
    return [path]


def _what(plan: Plan, path: Path, kept: set[str]) -> str:
    if of_another_study(path, plan.study["study"], plan.results):
        return "leave"
    return "rewrite" if path.as_posix() in kept else "remove"


def purge(plan: Plan, doing: list[Action], date: str, names: frozenset[str]) -> None:
    """Record the actions, then carry them out; ``names`` are pseudonyms of forgotten owners and
    records."""
    study = plan.folder
    removed = [
        {
            "path": one.path.as_posix(),
            # a broken link and an empty folder have nothing but their name
            "sha256": file_digest(one.path) if one.path.is_file() else "",
            "kinds": list(one.kinds),
            "requests": list(one.requests),
        }
        for one in doing
        if one.what == "remove"
    ]
    rewritten = [
        {"path": one.path.as_posix(), "requests": list(one.requests)}
        for one in doing
        if one.what == "rewrite"
    ]
    owners = {request.name: owners_of(request, plan.secret) for request in plan.requests}
    entry = {
        "upto": plan.latest,
        "owners": owners,
        "secret": identified(plan.secret),
        "date": date,
        "removed": removed,
        "rewritten": rewritten,
    }
    write_sealed(
        study / FILE, {"study": plan.study["study"], "purges": [*read_purges(study), entry]}
    )
    for one in doing:
        if one.what == "rewrite":
            rewrite(one.path, names, plan.secret)
        elif one.what == "remove":
            if one.path.is_symlink() or not one.path.is_dir():
                one.path.unlink(missing_ok=True)
            _drop_empty(one.path, Path(plan.results))


def rewrite(path: Path, names: frozenset[str], secret: str) -> None:
    """Remove the rows of forgotten owners and records from a table and update its digest; both
    files keep their dates."""
    frame = read_parquet(path)
    columns = [name for name in ("owner", "record_id") if name in frame.columns]
    gone = {
        value
        for name in columns
        for value in frame[name].unique()
        if pseudonym(str(value), secret) in names
    }
    frame = frame[~frame[columns].isin(gone).any(axis=1)].reset_index(drop=True)
    with keeping_date(path):
        write_parquet(frame, path)
    report = path.with_suffix(".json")
    if report.is_file() and {*TEXTS} & {*frame.columns}:
        with keeping_date(report):
            counts = {"records": len(frame)} if "records" in read_json(report) else {}
            write_json(report, read_json(report) | counts | {"digest": records_digest(frame)})


def _drop_empty(folder: Path, top: Path) -> None:
    """Remove a folder, if it is one, and those above it, while they are empty."""
    folder = folder if folder.is_dir() else folder.parent
    while folder not in (top, Path(".")) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
