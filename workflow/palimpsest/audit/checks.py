"""Whether a checkpoint is, bit for bit, what training without the forgotten owners gives: each
check looks at the files themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from palimpsest.audit.contents import says
from palimpsest.audit.fingerprints import load
from palimpsest.audit.passages import WINDOW, Passages
from palimpsest.audit.scan import RESULTS, fingerprint_file, study_folder
from palimpsest.data.identity import recorded
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.storage import read_parquet, records_digest
from palimpsest.files import file_digest
from palimpsest.study.plan import Plan
from palimpsest.training.report import read_reports

CHECKS = {
    "weights": "the file has the SHA-256 that training wrote down",
    "records": "the slices hold what it was trained on, and no record of a forgotten owner",
    "previous": (
        "the checkpoint that it started from is the one on disk, and passes these checks itself"
    ),
    "start": (
        "the pretrained model that its first stage started from is the one on disk, which this "
        "workflow made"
    ),
    "tokenizer": (
        "its tokenizer was trained on other files than the records', which hold none of the "
        "owners' text"
    ),
    "device": "it was trained on a CPU, where training gives the same bytes every time",
}


class Checks:
    """Of the checkpoints of one seed."""

    def __init__(self, plan: Plan, seed: int):
        self.plan, self.seed, self.folder = plan, seed, study_folder(plan) / f"seed{seed}"

    def of(self, checkpoint) -> dict[str, bool]:
        """Check -> whether it holds. A model that began from a folder or the hub has no check
        `start`, and the tokenizer of there, which is not looked into either."""
        report = read_reports(self.folder / checkpoint.name)
        *_, version = self.plan.parse(checkpoint.name)
        salt = self.plan.study["salt"]
        forgotten = {
            pseudonym(owner, salt)
            for request in self.plan.requests[: self.plan.order[version]]
            for owner in request.owners
        }
        slices = [
            _slice(self.folder / "shards" / f"{name}.parquet", salt) for name in checkpoint.slices
        ]
        tokenizer = self.plan.study.get("tokenizer")
        return {
            "weights": _sha256(self.folder / checkpoint.name / "model.safetensors")
            == report["sha256"],
            "records": [digest for digest, _ in slices] == report["slices"]
            and not any(owners & forgotten for _, owners in slices),
            "previous": self._previous(checkpoint, report["previous"]),
            **self._start(report),
            **({"tokenizer": _untouched(self.plan, tokenizer)} if tokenizer else {}),
            "device": report["device"] == "cpu",
        }

    def _start(self, report: dict) -> dict[str, bool]:
        """What it was pretrained on is the tokenizer's corpus, which the check of that looks at."""
        made = RESULTS / "pretrained" / report["start"] / "model.safetensors"
        return {"start": _sha256(made) == report["start_sha256"]} if report["start_sha256"] else {}

    def _previous(self, checkpoint, digest: str | None) -> bool:
        if checkpoint.previous is None:
            return digest is None
        previous = self.plan.checkpoint(self.seed, *self.plan.parse(checkpoint.previous))
        return _sha256(self.folder / previous.name / "model.safetensors") == digest and all(
            self.of(previous).values()
        )


@cache
def _sha256(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None


@cache
def _slice(path: Path, salt: str) -> tuple[str | None, frozenset[str]]:
    """Digest of the records that a slice holds, and their owners' pseudonyms."""
    if not path.is_file():
        return None, frozenset()
    frame = read_parquet(path)
    return records_digest(frame), frozenset(pseudonym(owner, salt) for owner in set(frame["owner"]))


@cache
def _untouched(plan: Plan, tokenizer: str) -> bool:
    """Whether no file that a tokenizer was trained on is a source of records, or holds a passage of
    whoever asked to be forgotten.

    Passages of less than a whole window are left out: a few common words stand in any novel.
    """
    corpus = recorded(RESULTS / "pretrained" / tokenizer / "corpus.json")
    data = recorded(study_folder(plan) / "data" / "records.json")
    if {digest for *_, digest in corpus.values()} & {digest for *_, digest in data.values()}:
        return False
    looked_for = Passages(plan.study["salt"])
    for path in filter(Path.is_file, (fingerprint_file(plan, name) for name in plan.names[1:])):
        looked_for.add(load(path, plan.study["salt"]).passages)
    looked_for.marks = {
        length: marks for length, marks in looked_for.marks.items() if length >= WINDOW
    }
    return not any(_holds(Path(path), looked_for) for path in corpus) if looked_for else True


def _holds(path: Path, looked_for: Passages) -> bool:
    """Whether a file says any of the passages; one that is gone is known by its digest alone."""
    if not path.is_file():
        return False
    _, pieces = says(path)
    return any(looked_for.found(piece.value) for piece in pieces if piece.kind == "text")
