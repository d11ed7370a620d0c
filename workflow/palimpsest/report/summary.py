"""The tidy table in words and small tables, for people: Markdown and a page of html that needs
nothing else. Each track defines its tables."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd

from palimpsest.data.shards import SINGLE
from palimpsest.report import pages
from palimpsest.report.cells import lookup, shown
from palimpsest.report.findings import ONE_SEED, TOLD_APART
from palimpsest.report.rows import newest, unattacked
from palimpsest.report.shown import in_method_order, method_of
from palimpsest.report.warnings import marked

if TYPE_CHECKING:
    from palimpsest.report.described import About

AFTER_ATTACKS = (
    "What an attack changes: of the forgotten, what it did not itself show to the model, against "
    "all of it before. Numbers that stay as they are with the oracle and rise with a method say "
    "that the method hid more than it deleted."
)


@dataclass(frozen=True)
class Section:
    """A heading; below it a text, points of a list, one table of texts, and warnings."""

    heading: str
    text: str = ""
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


UNTRAINED = (
    "Request {request} asks for no training record: no model learnt from these owners, and methods "
    "have nothing to forget of it."
)


GIVEN = (
    "The base is {start}, as it was given: this study trained nothing into it, so there is no "
    "oracle, and numbers say how far methods move from the base, not how near they come to a model "
    "that never learnt what they forget."
)


def summarise(
    metrics: pd.DataFrame,
    settings: dict,
    track: ModuleType,
    evidence: dict | None = None,
    data: dict | None = None,
    about: About | None = None,
) -> list[Section]:
    """What the newest state says: the sections of the `summary` of a track, below a heading that
    says about which records (SCOPE) and over how many seeds.

    evidence: of the newest request, how many records of each split it removes. data: the report on
    the records. about: what is told of the records, at the end; what it warns of at the top.
    """
    study = ", ".join(sorted(metrics["study"].unique()))
    seeds = metrics.loc[metrics["seed"] != "all", "seed"].nunique()
    source = "one seed" if seeds == 1 else f"mean of {seeds} seeds"
    spread = "records" if seeds == 1 else "records and over seeds"
    interval = (
        f"In brackets the interval ({settings.get('level', 0.95):.0%}), which holds the spread "
        f"over {spread}."
    )
    models = unattacked(metrics)
    given = f"{GIVEN.format(start=settings['start'])}\n\n" if "start" in settings else ""
    head = f"{given}State {settings['states'][-1]}, {track.SCOPE}{source}. {interval}"
    points = tuple(track.findings(metrics, settings))
    if points:
        head += f"\n\n{TOLD_APART}{ONE_SEED if seeds == 1 else ''}"
    untrained = evidence is not None and not evidence["records"].get("train")
    warnings = (UNTRAINED.format(request=evidence["request"]),) if untrained else ()
    warnings += about.warnings if about else ()
    title = Section(f"Summary of the study {study}", head, warnings=warnings, points=points)
    sections = [title, *track.sections(models, settings)]
    attacked = after_attacks(metrics, settings, track.ATTACKED)
    sections += [Section("After attacks", AFTER_ATTACKS, attacked)] if len(attacked) else []
    sections += left_out(data or {})
    return sections + list(about.sections if about else ())


def left_out(data: dict) -> list[Section]:
    """Rows of the source that are no records, by reason; no section where all are."""
    dropped = data.get("dropped", {})
    if not dropped:
        return []
    kept = data["read"] - sum(dropped.values())
    text = f"Of {data['read']:,} rows of the source {kept:,} are records."
    rows = pd.DataFrame({"left out": dropped.keys(), "rows": [f"{n:,}" for n in dropped.values()]})
    return [Section("Rows left out", text, rows)]


def after_attacks(
    metrics: pd.DataFrame, settings: dict, numbers: dict[str, tuple[str, str]]
) -> pd.DataFrame:
    """One row per model and attack on it: the ``numbers`` of a track, by heading, as (set, metric),
    before it and after it."""
    now, rows = newest(metrics, settings), []
    for attack, facts in settings["attacks"].items():
        attacked = now[now["attack"] == attack]
        both = {"before": now[now["attack"] == ""], "after": attacked}
        for method in in_method_order(attacked["method"]):
            row = {"method": method_of(method).label, "attack": facts["label"]}
            for title, (set_, metric) in numbers.items():
                for when, frame in both.items():
                    cell = shown(lookup(frame, set_), method, SINGLE, "", metric)
                    row[f"{title}, {when}"] = cell
            rows.append(row)
    return pd.DataFrame(rows)


# --- ways to show them ----------------------------------------------------------------------------


def as_markdown(sections: list[Section]) -> str:
    blocks = []
    for number, section in enumerate(sections):
        blocks.append(f"{'##' if number else '#'} {section.heading}")
        blocks += [section.text] if section.text else []
        blocks += ["\n".join(f"- {point}" for point in section.points)] if section.points else []
        if len(section.table):
            lines = [
                list(section.table.columns),
                ["---"] * section.table.shape[1],
                *section.table.to_numpy().tolist(),
            ]
            blocks.append(
                "\n".join(
                    "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                    for line in lines
                )
            )
        blocks += section.warnings
    return "\n\n".join(blocks) + "\n"


def as_html(sections: list[Section]) -> str:
    title, *_ = sections
    body = []
    for number, section in enumerate(sections):
        level = "h2" if number else "h1"
        body.append(f"<{level}>{html.escape(section.heading)}</{level}>")
        body += pages.paragraphs(section.text)
        body += pages.bullets(section.points)
        if len(section.table):
            lines = section.table.to_numpy().tolist()
            cells = ([html.escape(cell) for cell in line] for line in lines)
            body += pages.table(map(html.escape, section.table.columns), cells)
        body += map(marked, section.warnings)
    return pages.document(title.heading, body)


def as_findings(sections: list[Section]) -> str:
    """What the title says, and the warnings of all sections, as a part of another page."""
    title, *_ = sections
    return "\n".join(
        [
            *pages.paragraphs(title.text),
            *pages.bullets(title.points),
            *(marked(one) for section in sections for one in section.warnings),
            "",
        ]
    )
