"""What the owners of a request are known by once their text is gone: hashes of their name, record ids and passages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from palimpsest.audit.passages import Passages, distinctive
from palimpsest.data.pseudonyms import pseudonym
from palimpsest.data.storage import whole_texts
from palimpsest.files import read_json


@dataclass(frozen=True)
class Fingerprint:
    """Of one request; ``unmarked`` counts records none of whose passages is theirs alone."""

    request: str
    names: frozenset[str]  # hashes of owners and record ids
    passages: Passages
    records: int
    unmarked: int

    def as_dict(self) -> dict:
        marks = {str(length): sorted(marks) for length, marks in sorted(self.passages.marks.items())}
        counts = {"records": self.records, "unmarked": self.unmarked}
        return {"request": self.request, "names": sorted(self.names), "passages": marks, **counts}

    def without_passages(self) -> Fingerprint:
        return Fingerprint(self.request, self.names, Passages(self.passages.salt), self.records, self.unmarked)


def take(records, request, earlier: set[str], salt: str) -> Fingerprint:
    """The fingerprint of a ``Request`` from a frame of records; who was forgotten ``earlier`` is no reason to let a passage go."""
    gone = records[records["owner"].isin(request.owners)]
    kept = records[~records["owner"].isin({*request.owners, *earlier})]
    passages, unmarked = distinctive(whole_texts(gone), whole_texts(kept), salt)
    names = frozenset(pseudonym(name, salt) for name in {*request.owners, *gone["record_id"]})
    return Fingerprint(request.name, names, passages, len(gone), unmarked)


def load(path: Path, salt: str) -> Fingerprint:
    found = read_json(path)
    passages = Passages(salt, {int(length): set(marks) for length, marks in found["passages"].items()})
    return Fingerprint(found["request"], frozenset(found["names"]), passages, found["records"], found["unmarked"])
