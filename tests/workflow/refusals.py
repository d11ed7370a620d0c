"""Runs that must be refused: ways to spoil a good study, and what its user must be told and must
not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness import MARK, STUDY, Clone, posts, write_rows
from palimpsest.files import file_digest

PROBLEMS = re.compile(r"(\d+) problems? found; nothing was changed\.\n((?:- .*\n(?: {4}.*\n)*)+)")


@dataclass(frozen=True)
class Case:
    name: str
    spoil: Callable[[Clone], object]
    said: tuple[str, ...]
    ask: tuple[str, ...] = ("--dry-run",)  # arguments of snakemake
    problems: int = 1
    made: tuple[str, ...] = ()  # results of jobs before the one that finds the problem


def results(clone: Clone) -> dict[str, str]:
    """Every file below results/ that is no log, hidden ones too -> its digest."""
    files = (path for path in clone.path("results").rglob("*") if path.is_file())
    names = {str(path.relative_to(clone.folder)): path for path in files}
    return {
        name: file_digest(path)
        for name, path in names.items()
        if not re.match(r"results/\w+/logs/", name)
    }


def told(
    clone: Clone, *arguments: str, problems: int = 1, made: tuple[str, ...] = (), **options
) -> str:
    """What the terminal shows of a run that must fail with so many problems, all of them whole, and
    change no earlier result."""
    before = results(clone)
    status = clone.snakemake(*arguments, **options)
    logs = "".join(path.read_text() for path in clone.path("results").rglob("*.log"))
    assert status != 0, clone.output
    assert "Traceback" not in clone.output + logs and MARK not in clone.output + logs, clone.output
    (found,) = PROBLEMS.findall(clone.output)
    assert (int(found[0]), len(re.findall(r"^- \S+.*: \S", found[1], flags=re.MULTILINE))) == (
        problems,
        problems,
    ), clone.output
    assert found[1].count("\n    remedy: ") == problems, clone.output
    after = results(clone)
    assert {name: after.get(name) for name in before} == before
    assert set(after) - set(before) == set(made)
    return clone.output


def study(**changes) -> Callable[[Clone], None]:
    return lambda clone: clone.change_study(**changes)


def section(name: str, **changes) -> Callable[[Clone], None]:
    return lambda clone: clone.change_study(**{name: STUDY[name] | changes})


def append(text: str) -> Callable[[Clone], object]:
    return lambda clone: clone.path("study.yaml").write_text(
        clone.path("study.yaml").read_text() + text
    )


def ledger(*lines: str, header: str = "request\towners") -> Callable[[Clone], object]:
    return lambda clone: clone.path("ledger.tsv").write_bytes(
        "\n".join([header, *lines, ""]).encode("utf-8", "surrogateescape")
    )


def rows(change: Callable[[list[dict]], object]) -> Callable[[Clone], None]:
    """Change the rows of the source, as dicts."""

    def spoil(clone: Clone) -> None:
        changed = posts()
        change(changed)
        write_rows(clone.path("posts.csv"), changed)

    return spoil


def cells(number: int, **values) -> Callable[[Clone], None]:
    """Give the first ``number`` rows of the source other values."""
    return rows(lambda changed: [row.update(values) for row in changed[:number]])
