"""Look into every file for what the forgotten are known by."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from palimpsest.audit.contents import says
from palimpsest.audit.fingerprints import Fingerprint
from palimpsest.audit.passages import Passages
from palimpsest.audit.texts import SHORTEST_RUN, Said
from palimpsest.data.pseudonyms import pseudonym

# below Snakemake's own folder: packages, which no step writes to
SOFTWARE = ("conda", "conda-archive", "singularity")
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
    # request -> records that no passage tells from retained ones
    unmarked: dict[str, int] = field(default_factory=dict)
    # requests whose text nobody has any more, nor a fingerprint of it
    blind: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0

    def as_dict(self) -> dict:
        return asdict(self)


class Audit:
    """``models`` maps paths of weights to the requests whose text they were trained on; their
    copies are known by ``digests``."""

    def __init__(
        self,
        fingerprints: Iterable[Fingerprint],
        models: dict[str, set[str]],
        digests: dict[str, set[str]],
    ):
        fingerprints = list(fingerprints)
        self.models, self.digests = models, digests
        self.salt = fingerprints[0].passages.salt if fingerprints else ""
        self.names: dict[str, str] = {}
        self.marks: dict[str, set[str]] = {}
        self.passages = Passages(self.salt)
        self.tokenizers: dict[str, object] = {}
        # digest of a file -> what `_search` found; many slices and models are alike
        self.seen: dict[str, tuple[dict, str]] = {}
        for one in fingerprints:
            self.names |= dict.fromkeys(one.names, one.request)
            self.passages.add(one.passages)
            for mark in set().union(*one.passages.marks.values()):
                self.marks.setdefault(mark, set()).add(one.request)

    def run(self, roots: Iterable[Path]) -> Report:
        """Every file below ``roots``, by name; tokenizers are found there, too, to read token ids
        with."""
        report = Report()
        files = sorted(set(_files(roots, report.unread)))
        self._load_tokenizers(files)
        looked = {_identity(path) for path in files if not path.is_symlink()}
        for path in files:
            if path.is_symlink():
                target = _identity(path)
                if target and target in looked:
                    continue  # the file itself is below the roots, or another link to it
                looked.add(target)
            self._look(path, report)
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
                return  # it leads nowhere: there is nothing to read
            why = type(error).__name__
        if why:
            report.unread[name] = why
        report.files, report.bytes = report.files + 1, report.bytes + size
        if name in self.models:
            held = held | {"model": {name: self.models[name]}}
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
                hits = {
                    mark: {self.names[mark]}
                    for mark in (pseudonym(one, self.salt) for one in piece.value)
                    if mark in self.names
                }
                held.setdefault("names", {}).update(hits)
            elif piece.kind == "text":
                held.setdefault("text", {}).update(self._hits(piece.value))
            elif piece.kind == "tokens" and len(set(piece.value)) >= SHORTEST_RUN:
                for tokenizer in self.tokenizers.values():
                    held.setdefault("tokens", {}).update(self._hits(tokenizer.decode(piece.value)))
        return {kind: hits for kind, hits in held.items() if hits}, "; ".join(why)

    def _hits(self, text: str) -> dict[str, set[str]]:
        return (
            {mark: self.marks[mark] for mark in self.passages.found(text)} if self.passages else {}
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


def _files(roots: Iterable[Path], unread: dict[str, str]) -> Iterator[Path]:
    """Files below folders, through links, each folder once and by its own name before that of a
    link; why a folder is ``unread``.

    Software that Snakemake installed is left out.
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
            waiting += sorted(
                path for path in (Path(folder, name) for name in folders) if path.is_symlink()
            )
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
