"""What the owners of a request are known by once their text is gone: hashes of their name, record
ids and passages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from palimpsest.audit.passages import Passages, distinctive, words
from palimpsest.audit.purges import owners_of
from palimpsest.audit.sealed import read_sealed, write_sealed
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.storage import whole_texts

REMEDY = (
    "restore it from a backup; without one, remove it and run snakemake: what the data have lost "
    "of its text cannot be looked for"
)


@dataclass(frozen=True)
class Fingerprint:
    """Of one request; ``unmarked`` counts records none of whose passages is theirs alone."""

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
            "passages": marks,
            **counts,
        }

    def without_passages(self) -> Fingerprint:
        return replace(self, passages=Passages(self.passages.salt))

    def without(self, marks: set[str]) -> Fingerprint:
        """Without passages that turned out not to be the owners' alone."""
        left = {length: known - marks for length, known in self.passages.marks.items()}
        return replace(
            self,
            passages=Passages(
                self.passages.salt, {length: known for length, known in left.items() if known}
            ),
        )


def take(
    records,
    request,
    earlier: set[str],
    salt: str,
    read_back: Callable[[list[str]], list[str]] | None = None,
) -> Fingerprint:
    """The fingerprint of a ``Request`` from a frame of records; who was forgotten ``earlier`` is no
    reason to let a passage go.

    ``read_back`` gives texts as a tokenizer has them once they are read from its ids: without the
    words that it does not know.
    """
    gone = records[records["owner"].isin(request.owners)]
    kept = records[~records["owner"].isin({*request.owners, *earlier})]
    forgotten, retained = whole_texts(gone).tolist(), whole_texts(kept).tolist()
    passages, unmarked = distinctive(forgotten, retained, salt)
    if read_back:
        again = [
            back
            for text, back in zip(forgotten, read_back(forgotten), strict=True)
            if words(back) != words(text)
        ]
        passages.add(distinctive(again, [*retained, *read_back(retained)], salt)[0])
    names = frozenset(pseudonym(name, salt) for name in {*request.owners, *gone["record_id"]})
    return Fingerprint(
        request.name, tuple(owners_of(request, salt)), names, passages, len(gone), unmarked
    )


def save(fingerprint: Fingerprint, path: Path) -> None:
    write_sealed(path, fingerprint.as_dict())


def load(path: Path, salt: str) -> Fingerprint:
    found = read_sealed(path, REMEDY)
    passages = Passages(
        salt, {int(length): set(marks) for length, marks in found["passages"].items()}
    )
    owners, names = tuple(found["owners"]), frozenset(found["names"])
    return Fingerprint(
        found["request"], owners, names, passages, found["records"], found["unmarked"]
    )
