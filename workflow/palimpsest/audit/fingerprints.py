"""Fingerprints: hashes of the names, record ids and passages of a request's owners, which
recognise their text after it is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from palimpsest.audit.passages import Passages, distinctive, words
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.secret import identified, other
from palimpsest.data.storage import whole_texts
from palimpsest.engine.sealed import read_sealed, write_sealed
from palimpsest.errors import UserError
from palimpsest.study.purges import owners_of

REMEDY = (
    "restore it from a backup; without one, remove it and run snakemake: what the data have lost "
    "of its text cannot be looked for"
)


@dataclass(frozen=True)
class Fingerprint:
    """Of one request; ``unmarked`` counts records without a passage that no retained record has."""

    request: str
    owners: tuple[str, ...]  # their hashes, sorted
    names: frozenset[str]  # hashes of owners and record ids
    passages: Passages
    records: int
    unmarked: int

    def as_dict(self) -> dict:
        marks = {
            str(length): sorted(marks) for length, marks in sorted(self.passages.marks.items())
        }
        counts = {"records": self.records, "unmarked": self.unmarked}
        return {
            "request": self.request,
            "owners": list(self.owners),
            "names": sorted(self.names),
            "secret": identified(self.passages.secret),
            "passages": marks,
            **counts,
        }

    def without_passages(self) -> Fingerprint:
        return replace(self, passages=Passages(self.passages.secret))

    def beside(self, passages: Passages) -> Fingerprint:
        """With further passages."""
        both = Passages(self.passages.secret)
        both.add(self.passages)
        both.add(passages)
        return replace(self, passages=both)

    def without(self, marks: set[str]) -> Fingerprint:
        """Without passages that turned out to be in retained records too."""
        left = {length: hashes - marks for length, hashes in self.passages.marks.items()}
        return replace(
            self,
            passages=Passages(
                self.passages.secret, {length: hashes for length, hashes in left.items() if hashes}
            ),
        )


def take(
    records,
    request,
    earlier: set[str],
    secret: str,
    read_back: Callable[[list[str]], list[str]] | None = None,
) -> Fingerprint:
    """The fingerprint of a ``Request`` from a frame of records; a passage that only owners
    forgotten ``earlier`` share is kept.

    ``read_back`` gives texts as a tokenizer decodes them from its ids: without the words that it
    does not know.
    """
    gone = records[records["owner"].isin(request.owners)]
    kept = records[~records["owner"].isin({*request.owners, *earlier})]
    forgotten, retained = whole_texts(gone).tolist(), whole_texts(kept).tolist()
    passages, unmarked = distinctive(forgotten, retained, secret)
    if read_back:
        again = [
            back
            for text, back in zip(forgotten, read_back(forgotten), strict=True)
            if words(back) != words(text)
        ]
        passages.add(distinctive(again, [*retained, *read_back(retained)], secret)[0])
    names = frozenset(pseudonym(name, secret) for name in {*request.owners, *gone["record_id"]})
    return Fingerprint(
        request.name, tuple(owners_of(request, secret)), names, passages, len(gone), unmarked
    )


def save(fingerprint: Fingerprint, path: Path) -> None:
    write_sealed(path, fingerprint.as_dict())


def has_secret(path: Path) -> bool:
    """Whether a fingerprint was taken with a secret; earlier versions took the study's salt."""
    return "secret" in read_sealed(path, REMEDY)


def load(path: Path, secret: str) -> Fingerprint:
    """A UserError where it was taken with another secret."""
    saved = read_sealed(path, REMEDY)
    if problems := other(saved.get("secret"), secret, path, path.parent.parent):
        raise UserError(problems)
    passages = Passages(
        secret, {int(length): set(marks) for length, marks in saved["passages"].items()}
    )
    owners, names = tuple(saved["owners"]), frozenset(saved["names"])
    return Fingerprint(
        saved["request"], owners, names, passages, saved["records"], saved["unmarked"]
    )
