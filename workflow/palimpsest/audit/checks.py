"""Whether a checkpoint is, bit for bit, what training without the forgotten owners gives: each
check looks at the files themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from palimpsest.audit.contents import says
from palimpsest.audit.fingerprints import load
from palimpsest.audit.passages import WINDOW, Passages
from palimpsest.audit.recipes import Weights, agrees, recipe_of, started_from
from palimpsest.audit.scan import fingerprint_file
from palimpsest.data.identity import recorded
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.storage import read_parquet, records_digest
from palimpsest.engine.sealed import is_whole
from palimpsest.files import file_digest
from palimpsest.models.start import start_folder, weights_digest
from palimpsest.study import paths
from palimpsest.study.plan import Plan
from palimpsest.training.report import REPORT, RUN, read_reports

CHECKS = {
    "weights": (
        "the file has the SHA-256 that training wrote down, as have its configuration and tokenizer"
    ),
    "reports": "what training wrote down is sealed, and its seals are whole",
    "followed": (
        "what started from it later, as far as it is on this disk, names the same SHA-256"
    ),
    "filed": "no earlier certificate names another SHA-256 for what was made in the same way",
    "records": "the slices hold what it was trained on, and no record of a forgotten owner",
    "previous": (
        "the checkpoint that it started from is the one on disk, and passes these checks itself"
    ),
    "start": (
        "the pretrained model that its first stage started from is the one on disk: what this "
        "workflow made, or the folder or the commit of the hub that others made"
    ),
    "tokenizer": (
        "its tokenizer was trained on other files than the records', which hold none of the "
        "owners' text"
    ),
    "device": "it was trained on a CPU, where training gives the same bytes every time",
}


class Checks:
    """Checks of the checkpoints of one seed; ``filed``: weights by earlier certificates."""

    def __init__(self, plan: Plan, seed: int, filed: Weights):
        self.plan, self.seed, self.filed = plan, seed, filed

    def of(self, checkpoint) -> dict[str, bool]:
        """Check -> whether it holds. The tokenizer of a model that started from a folder or the hub
        comes from there, too, and is not checked by itself."""
        folder = self._folder(checkpoint)
        report = read_reports(folder)
        *_, state = self.plan.parse(checkpoint.name)
        secret = self.plan.secret
        forgotten = {
            pseudonym(owner, secret)
            for request in self.plan.requests[: self.plan.order[state]]
            for owner in request.owners
        }
        place = {"seed": self.seed, "end": "parquet"}
        slices = [
            _slice(self.plan.path(paths.SLICE_OF_NAME, name=name, **place), secret)
            for name in checkpoint.slices
        ]
        tokenizer = self.plan.study.get("tokenizer")
        made = (self.seed, checkpoint.name, recipe_of(report))
        followers = started_from(self.plan, self.seed, checkpoint.name)
        return {
            "weights": all(
                _sha256(folder / name) == digest
                for name, digest in {paths.WEIGHTS: report["sha256"], **report["files"]}.items()
            ),
            "reports": all(is_whole(folder / name) for name in (REPORT, RUN)),
            "followed": all(agrees(one, report["sha256"]) for one in followers),
            "filed": self.filed.get(made, report["sha256"]) == report["sha256"],
            "records": [digest for digest, _ in slices] == report["slices"]
            and not any(owners & forgotten for _, owners in slices),
            "previous": self._previous(checkpoint, report["previous"]),
            **_start(self.plan, report, made_here=bool(tokenizer)),
            **({"tokenizer": _untouched(self.plan, tokenizer)} if tokenizer else {}),
            "device": report["device"] == "cpu",
        }

    def _folder(self, checkpoint) -> Path:
        return self.plan.path(paths.CHECKPOINT, seed=self.seed, checkpoint=checkpoint.name)

    def _previous(self, checkpoint, digest: str | None) -> bool:
        if checkpoint.previous is None:
            return digest is None
        previous = self.plan.checkpoint(self.seed, *self.plan.parse(checkpoint.previous))
        return _sha256(self._folder(previous) / paths.WEIGHTS) == digest and all(
            self.of(previous).values()
        )


def _start(plan: Plan, report: dict, made_here: bool) -> dict[str, bool]:
    """Absent for a model from scratch. The pretraining corpus of a start that was made here is that
    of the tokenizer, which the check `tokenizer` looks at."""
    if not report["start_sha256"]:
        return {}
    recipe = plan.path(paths.RECIPE, recipe=report["start"]) / paths.WEIGHTS
    found = _sha256(recipe) if made_here else _given(report["start"])
    return {"start": found == report["start_sha256"]}


@cache
def _given(start: str) -> str | None:
    return weights_digest(start_folder(start))


@cache
def _sha256(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None


@cache
def _slice(path: Path, secret: str) -> tuple[str | None, frozenset[str]]:
    """Digest of the records that a slice holds, and their owners' pseudonyms."""
    if not path.is_file():
        return None, frozenset()
    frame = read_parquet(path)
    return records_digest(frame), frozenset(pseudonym(one, secret) for one in set(frame["owner"]))


@cache
def _untouched(plan: Plan, tokenizer: str) -> bool:
    """Whether no file that a tokenizer was trained on is a source of records or holds a passage of
    an owner who asked to be forgotten.

    Passages shorter than a whole window are left out: any novel holds the same few common words.
    """
    corpus = recorded(plan.path(paths.TOKENIZER, tokenizer=tokenizer) / paths.CORPUS_REPORT)
    data = recorded(plan.path(paths.RECORDS_REPORT))
    if {digest for *_, digest in corpus.values()} & {digest for *_, digest in data.values()}:
        return False
    looked_for = Passages(plan.secret)
    for path in filter(Path.is_file, (fingerprint_file(plan, name) for name in plan.names[1:])):
        looked_for.add(load(path, plan.secret).passages)
    looked_for.marks = {
        length: marks for length, marks in looked_for.marks.items() if length >= WINDOW
    }
    return not any(_holds(Path(path), looked_for) for path in corpus) if looked_for else True


def _holds(path: Path, looked_for: Passages) -> bool:
    """Whether a file holds any of the passages; of one that is gone only the digest is compared."""
    if not path.is_file():
        return False
    _, pieces = says(path)
    return any(looked_for.matches(piece.value) for piece in pieces if piece.kind == "text")
