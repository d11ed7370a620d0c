"""Checks of a study's judges that a schema cannot express."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from palimpsest.errors import Problem, choose, quoted
from palimpsest.methods.registry import is_method, method_of
from palimpsest.methods.settings import judges_asked, option_problems, options_of
from palimpsest.tracks import TRACKS, track_of

if TYPE_CHECKING:
    from palimpsest.study.study import Sources

KINDS = ("path", "url", "hub")
LEARNT_FROM = "a judge must not learn from the records: it would have seen what is forgotten"
ALLOWED = "text that nobody can ask to delete"
RECORDS = "a source of the records"
OF_SOME = {"rows", "drop"}  # keys of an entry by which it takes some rows of a file alone
OTHERS = (
    "name other text; or, where the records are some rows of the file, say by `rows` or `drop` "
    "which others the judge learns from"
)


def judge_checks(study: dict, where: str) -> Iterator[Problem]:
    if study["judges"] and not track_of(study["track"]).judged:
        judged = [name for name in TRACKS if track_of(name).judged]
        yield Problem("models of this track write nothing that could be judged",
                      f"{where}, judges", study["track"], ", ".join(judged),
                      "remove the judges")  # fmt: skip
    for name, judge in study["judges"].items():
        for number, entry in enumerate(judge["examples"], 1):
            place = f"{where}, judges.{name}.examples, entry {number}"
            yield from _entry_checks(entry, study, place)
    yield from _asked_checks(study, where)


def _entry_checks(entry: dict, study: dict, place: str) -> Iterator[Problem]:
    ways = [key for key in ("labels", "at_least") if key in entry]
    if len(ways) != 1:
        found = " and ".join(ways) or "none of them"
        allowed = "labels, or at_least for a column of numbers"
        yield Problem("one key says how a label is told", place, found, allowed, "give one")
    if "labels" in entry and set(entry["labels"].values()) != {0, 1}:
        yield Problem("a judge tells two labels", f"{place}, labels", quoted(entry["labels"]),
                      "values of 0 and of 1", "map some to each")  # fmt: skip
    source = entry["source"]
    kinds = [kind for kind in KINDS if kind in source]
    if len(kinds) != 1:
        found = ", ".join(kinds) or "none of them"
        yield Problem("a source is one of path, url, hub", place, found, remedy="keep one")
        return
    useless = [key for key in ("column", "lexicon") if key in source]
    useless += [key for key in ("name", "split", "revision") if key in source and kinds != ["hub"]]
    if useless:
        what = f"nothing looks at this key of a {kinds[0]}"
        yield Problem(what, f"{place}, source", ", ".join(useless), remedy="remove it")
    kind = kinds[0]
    records = [one.get(kind) for one in study["data"].get("sources", [])]
    if source[kind] in records and not OF_SOME & entry.keys():
        yield Problem(LEARNT_FROM, place, quoted(source[kind]), ALLOWED, OTHERS)


def _asked_checks(study: dict, where: str) -> Iterator[Problem]:
    """Judges that methods ask for are defined."""
    for name in study["methods"]:
        if not (is_method(name) and method_of(name).trains and not method_of(name).others):
            continue
        options = options_of(name, study["options"])
        if any(option_problems(name, options, where)):
            continue  # told elsewhere
        missing = [
            one for one in judges_asked(name, study["options"]) if one not in study["judges"]
        ]
        if missing:
            defined = ", ".join(study["judges"]) or "none is defined"
            remedy = choose(missing[0], study["judges"]) if study["judges"] else "define it"
            yield Problem(f"{name} asks for a judge that is not defined", f"{where}, judges",
                          ", ".join(map(quoted, missing)), defined, remedy)  # fmt: skip


def seen_by_judges(judges: dict, examples: dict[str, Sources], kept: dict) -> Iterator[Problem]:
    """Judges that would learn from files in ``kept`` (path -> role): sources of the records, or
    tables of requests. An entry that names rows, or drops some, is taken to leave out the
    records."""
    for name, sources in examples.items():
        for entry, (_, files) in zip(judges[name]["examples"], sources, strict=True):
            roles = {str(path): kept.get(path.resolve()) for path in files or ()}
            may = {None, RECORDS} if OF_SOME & entry.keys() else {None}
            found = [f"{path}, {role}" for path, role in roles.items() if role not in may]
            if found:
                yield Problem(LEARNT_FROM, f"judges.{name}.examples", "; ".join(found),
                              ALLOWED, OTHERS)  # fmt: skip
