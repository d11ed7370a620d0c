"""Remove from disk what still holds the forgotten or learnt from it.

To Snakemake nothing happens: files that the present state needs are rewritten without the rows, and
keep their dates. The rest goes. What is removed is written down first, so that a purge that is cut
short is finished by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from palimpsest.audit.look import KINDS, Report
from palimpsest.audit.purges import FILE, owners_of, read_purges
from palimpsest.audit.scan import RESULTS, of_another_study, study_folder
from palimpsest.audit.sealed import write_sealed
from palimpsest.audit.trained import checkpoints
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.storage import TEXTS, read_parquet, records_digest, write_parquet
from palimpsest.files import file_digest, keeping_date, read_json, write_json
from palimpsest.study.plan import SINGLE, Plan


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
    """One action a file that the audit found, and for what goes with it: the whole folder of a
    model, the digest of a table."""
    folders = {folder.as_posix() for folder in checkpoints(study_folder(plan))}
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


def needed(plan: Plan) -> set[str]:
    """Tables that the newest state needs, though they hold more than it."""
    study = study_folder(plan)
    tables = ("data/records", "data/index", "data/candidates", "sets/heldout", "sets/trained")
    paths = {study / f"{name}.parquet" for name in tables}
    for path in (
        path
        for name in ("heldout", "trained")
        for path in study.glob(f"seed*/scores/*/*/{name}.parquet")
    ):
        model, version = path.parts[-3:-1]
        sharding = model.removeprefix("teachers-") if model.startswith("teachers-") else SINGLE
        if version in plan.ensemble_versions(int(path.parts[-5][4:]), sharding, plan.latest):
            paths.add(path)
    return {path.as_posix() for path in paths}


def newest(plan: Plan) -> set[str]:
    """Models of the newest state, and the slices that they were trained on."""
    found = set()
    for seed, checkpoint in plan.checkpoints(plan.latest):
        folder = study_folder(plan) / f"seed{seed}"
        found.add((folder / checkpoint.name / "model.safetensors").as_posix())
        found |= {(folder / "shards" / f"{name}.parquet").as_posix() for name in checkpoint.slices}
    return found


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
    if of_another_study(path, plan.study["study"]):
        return "leave"
    return "rewrite" if path.as_posix() in kept else "remove"


def purge(plan: Plan, doing: list[Action], date: str, names: frozenset[str]) -> None:
    """Write down what will go, then do it; ``names`` are pseudonyms of forgotten owners and
    records."""
    study = study_folder(plan)
    removed = [
        {
            "path": one.path.as_posix(),
            "sha256": file_digest(one.path),
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
    owners = {request.name: owners_of(request, plan.study["salt"]) for request in plan.requests}
    entry = {
        "upto": plan.latest,
        "owners": owners,
        "date": date,
        "removed": removed,
        "rewritten": rewritten,
    }
    write_sealed(
        study / FILE, {"study": plan.study["study"], "purges": [*read_purges(study), entry]}
    )
    for one in doing:
        if one.what == "rewrite":
            rewrite(one.path, names, plan.study["salt"])
        elif one.what == "remove":
            one.path.unlink(missing_ok=True)
            _drop_empty(one.path.parent)


def rewrite(path: Path, names: frozenset[str], salt: str) -> None:
    """The table without the rows of forgotten owners and records, and its digest with it; both keep
    their dates."""
    frame = read_parquet(path)
    columns = [name for name in ("owner", "record_id") if name in frame.columns]
    gone = {
        value
        for name in columns
        for value in frame[name].unique()
        if pseudonym(str(value), salt) in names
    }
    frame = frame[~frame[columns].isin(gone).any(axis=1)].reset_index(drop=True)
    with keeping_date(path):
        write_parquet(frame, path)
    report = path.with_suffix(".json")
    if report.is_file() and {*TEXTS} & {*frame.columns}:
        with keeping_date(report):
            counts = {"records": len(frame)} if "records" in read_json(report) else {}
            write_json(report, read_json(report) | counts | {"digest": records_digest(frame)})


def _drop_empty(folder: Path) -> None:
    while folder not in (RESULTS, Path(".")) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
