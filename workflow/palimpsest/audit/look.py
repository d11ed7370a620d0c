"""Search every file for the fingerprints of forgotten owners."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from palimpsest.audit.contents import says
from palimpsest.audit.fingerprints import Fingerprint
from palimpsest.audit.passages import Passages
from palimpsest.audit.texts import SHORTEST_RUN, Said, called, mentioned
from palimpsest.data.ledger import normalized
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.engine import running
from palimpsest.engine.earlier import FOLDER as EARLIER

# below Snakemake's own folder: packages, which no step writes to
MARKS = Path(".snakemake/incomplete")  # of running jobs, by the path of their output
SOFTWARE = ("conda", "conda-archive", "singularity")
REMEMBERED = 1 << 18  # words whose hashes were looked up; most come again and again
KINDS = {
    "text": "passages of forgotten text",
    "tokens": "passages of forgotten text, as token ids",
    "names": "rows about forgotten records",
    "model": "a model or rule that learnt from forgotten text",
}


@dataclass(frozen=True)
class Finding:
    """A file, what it still holds (a key of ``KINDS``), of which requests, and how much of it."""

    path: str
    kind: str
    requests: tuple[str, ...]
    count: int


@dataclass
class Report:
    findings: list[Finding] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)  # path -> why it could not be looked into
    # request -> records without a passage that no retained record has
    unmarked: dict[str, int] = field(default_factory=dict)
    # requests whose text is gone and has no complete fingerprint
    blind: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0

    def as_dict(self) -> dict:
        return asdict(self)


class Audit:
    """``models`` maps paths of weights to the requests whose text they were trained on, ``digests``
    the SHA-256 of their copies; ``alike``: whether all spellings of a name are one owner."""

    def __init__(
        self,
        fingerprints: Iterable[Fingerprint],
        models: dict[str, set[str]],
        digests: dict[str, set[str]],
        alike: bool = False,
    ):
        fingerprints = list(fingerprints)
        self.models, self.digests, self.alike = models, digests, alike
        self.secret = fingerprints[0].passages.secret if fingerprints else ""
        self.names: dict[str, str] = {}
        self.marks: dict[str, set[str]] = {}
        self.passages = Passages(self.secret)
        self.tokenizers: dict[str, object] = {}
        self._known = lru_cache(REMEMBERED)(self._marks_of)
        # digest of a file -> what `_search` found; many slices and models are alike
        self.seen: dict[str, tuple[dict, str]] = {}
        for one in fingerprints:
            self.names |= dict.fromkeys(one.names, one.request)
            self.passages.add(one.passages)
            for mark in set().union(*one.passages.marks.values()):
                self.marks.setdefault(mark, set()).add(one.request)

    def run(self, roots: Iterable[Path]) -> Report:
        """Search every file below ``roots``, in order of paths, and the names of links and empty
        folders; token ids are decoded by the tokenizers that lie there."""
        report = Report()
        bare: list[Path] = []
        files = sorted(set(_files(roots, report.unread, bare)))
        self._load_tokenizers(files)
        looked = {_identity(path) for path in files if not path.is_symlink()}
        for path in files:
            if path.is_symlink():
                target = _identity(path)
                if target and target in looked:
                    # the file itself is below the roots, or another link to it
                    bare.append(path)
                    continue
                looked.add(target)
            self._look(path, report)
        for path in sorted(set(bare)):
            self._tell(path.as_posix(), self._named(path.as_posix()), report)
        report.findings.sort(key=lambda one: Path(one.path))
        return report

    def _look(self, path: Path, report: Report) -> None:
        name, size, held = path.as_posix(), 0, {}
        try:
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                size, (held, why) = status.st_size, self._held(path)
            else:
                why = "neither a file nor a folder"
        except OSError as error:
            if isinstance(error, FileNotFoundError) and path.is_symlink():
                return self._tell(name, self._named(name), report)  # a broken link
            if isinstance(error, FileNotFoundError) and path.parent == MARKS:
                return  # the mark of a job that has ended since
            why = type(error).__name__
        if why:
            report.unread[name] = why
        report.files, report.bytes = report.files + 1, report.bytes + size
        for kind, hits in self._named(name).items():
            held = held | {kind: held.get(kind, {}) | hits}
        if name in self.models:
            held = held | {"model": {name: self.models[name]}}
        self._tell(name, held, report)

    @staticmethod
    def _tell(name: str, held: dict[str, dict[str, set[str]]], report: Report) -> None:
        for kind, hits in sorted(held.items()):
            requests = tuple(sorted(set().union(*hits.values())))
            report.findings.append(Finding(name, kind, requests, len(hits)))

    def _held(self, path: Path) -> tuple[dict[str, dict[str, set[str]]], str]:
        digest, pieces = says(path)
        if digest not in self.seen:
            self.seen[digest] = self._search(pieces)
        return self.seen[digest]

    def _search(self, pieces: Iterator[Said]) -> tuple[dict[str, dict[str, set[str]]], str]:
        """(kind -> what was found -> its requests, why a part could not be read or "")."""
        held: dict[str, dict[str, set[str]]] = {}
        why: dict[str, None] = {}
        for piece in pieces:
            if piece.kind == "unread":
                why[piece.value] = None
            elif piece.kind == "digest" and piece.value in self.digests:
                held.setdefault("model", {})[piece.value] = self.digests[piece.value]
            elif piece.kind == "names":
                held.setdefault("names", {}).update(self._about(piece.value))
            elif piece.kind == "text":
                held.setdefault("text", {}).update(self._hits(piece.value))
                held.setdefault("names", {}).update(self._about(mentioned(piece.value)))
            elif piece.kind == "tokens" and len(set(piece.value)) >= SHORTEST_RUN:
                for tokenizer in self.tokenizers.values():
                    held.setdefault("tokens", {}).update(self._hits(tokenizer.decode(piece.value)))
        return {kind: hits for kind, hits in held.items() if hits}, "; ".join(why)

    def _named(self, path: str) -> dict[str, dict[str, set[str]]]:
        """What the name of a file and those of its folders hold."""
        parts = set().union(*map(called, path.split("/")))
        hits = {"text": self._hits(path), "names": self._about(parts | mentioned(path))}
        return {kind: some for kind, some in hits.items() if some}

    def _about(self, names: set[str]) -> dict[str, set[str]]:
        """Those of ``names`` that are a forgotten owner's or record's, by their pseudonyms."""
        marks = (mark for name in names for mark in self._known(name)) if self.names else ()
        return {mark: {self.names[mark]} for mark in marks}

    def _marks_of(self, name: str) -> tuple[str, ...]:
        spellings = {name}
        if self.alike:
            spellings |= {normalized(name), name.upper()} | (
                {name.title()} if " " in name else set()
            )
        marks = (pseudonym(one, self.secret) for one in spellings)
        return tuple(mark for mark in marks if mark in self.names)

    def _hits(self, text: str) -> dict[str, set[str]]:
        return (
            {mark: self.marks[mark] for mark in self.passages.matches(text)}
            if self.passages
            else {}
        )

    def _load_tokenizers(self, files: list[Path]) -> None:
        from tokenizers import Tokenizer

        for path in files:
            if path.name == "tokenizer.json":
                try:
                    text = path.read_text(encoding="utf-8", errors="replace")
                    digest = hashlib.sha256(text.encode()).hexdigest()
                    if digest not in self.tokenizers:
                        self.tokenizers[digest] = Tokenizer.from_str(text)
                except Exception:
                    # the library raises Exception itself; a file of this name need not be a
                    # tokenizer, nor be readable
                    continue


def _files(roots: Iterable[Path], unread: dict[str, str], bare: list[Path]) -> Iterator[Path]:
    """Files below folders, through links; each folder once, by its own path rather than a link's.
    ``unread`` gets the folders that cannot be listed, and why; ``bare`` what has nothing but its
    name to look at: empty folders, and links to folders.

    Left out are software that Snakemake installed, and what the run that asks holds of earlier
    results until it ends: a certificate would name files that are gone with it.
    """
    waiting, seen = list(roots), set()
    for top in waiting:  # grows as links are met
        for folder, folders, names in os.walk(top, onerror=lambda error: _unwalked(error, unread)):
            identity = _identity(Path(folder))
            if identity in seen:
                folders.clear()
                continue
            seen.add(identity)
            if Path(folder).name == ".snakemake":
                folders[:] = [name for name in folders if name not in SOFTWARE]
            if Path(folder) == EARLIER:
                folders[:] = [name for name in folders if name != running.own()]
            links = [path for path in (Path(folder, name) for name in folders) if path.is_symlink()]
            waiting += sorted(links)
            bare += links if folders or names else [Path(folder)]
            yield from (Path(folder, name) for name in names)


def _unwalked(error: OSError, unread: dict[str, str]) -> None:
    if not isinstance(error, FileNotFoundError):
        unread[Path(error.filename).as_posix()] = (
            f"a folder that cannot be listed: {type(error).__name__}"
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
