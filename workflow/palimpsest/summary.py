"""The tidy table in words and small tables, for people: Markdown and a page of html that needs
nothing else. Which tables, a track says."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from types import ModuleType

import pandas as pd

from palimpsest.cells import lookup, shown
from palimpsest.methods.shown import in_method_order, method_of
from palimpsest.selections import newest
from palimpsest.study.plan import SINGLE
from palimpsest.tables import unattacked

AFTER_ATTACKS = (
    "What an attack changes: of the forgotten, what it did not itself show to the model, against "
    "all of it before. Numbers that stay as they are with the oracle and rise with a method say "
    "that the method hid more than it deleted."
)


@dataclass(frozen=True)
class Section:
    """A heading, what stands below it, and one table of texts (headless where there is none)."""

    heading: str
    text: str = ""
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: tuple[str, ...] = ()


def summarise(metrics: pd.DataFrame, settings: dict, track: ModuleType) -> list[Section]:
    """What the newest state says: the sections of the `summary` of a track, below a heading that
    says about which records (SCOPE) and over how many seeds."""
    study = ", ".join(sorted(metrics["study"].unique()))
    seeds = metrics.loc[metrics["seed"] != "all", "seed"].nunique()
    source, spread = (
        ("one seed", "records")
        if seeds == 1
        else (f"mean of {seeds} seeds", "records and over seeds")
    )
    interval = (
        f"In brackets the interval ({settings.get('level', 0.95):.0%}), which holds the spread "
        f"over {spread}."
    )
    models = unattacked(metrics)
    head = f"State {settings['states'][-1]}, {track.SCOPE}{source}. {interval}"
    found = [Section(f"Summary of the study {study}", head), *track.sections(models, settings)]
    attacked = after_attacks(metrics, settings, track.ATTACKED)
    return found + ([Section("After attacks", AFTER_ATTACKS, attacked)] if len(attacked) else [])


def after_attacks(
    metrics: pd.DataFrame, settings: dict, numbers: dict[str, tuple[str, str]]
) -> pd.DataFrame:
    """A row a model and an attack on it; the ``numbers`` of a track, by heading, as (set, metric),
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


# --- two ways to show them ------------------------------------------------------------------------


def as_markdown(sections: list[Section]) -> str:
    blocks = []
    for number, section in enumerate(sections):
        blocks.append(f"{'##' if number else '#'} {section.heading}")
        blocks += [section.text] if section.text else []
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


STYLE = """
body { font: 13px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
p { max-width: 52em }
div { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3em .7em; text-align: left; white-space: nowrap; border-bottom: 1px solid #ddd }
th { border-bottom: 2px solid #555; vertical-align: bottom; white-space: normal }
tbody tr:hover { background: #f4f4f4 }
.warning { border-left: 4px solid #d55e00; padding-left: .8em }
"""


def as_html(sections: list[Section]) -> str:
    body = []
    for number, section in enumerate(sections):
        level = "h2" if number else "h1"
        body.append(f"<{level}>{html.escape(section.heading)}</{level}>")
        text = re.sub("`(.*?)`", r"<code>\1</code>", html.escape(section.text))
        body += [f"<p>{text}</p>"] if text else []
        if len(section.table):
            head = "".join(f"<th>{html.escape(name)}</th>" for name in section.table.columns)
            lines = (
                "".join(f"<td>{html.escape(cell)}</td>" for cell in line)
                for line in section.table.to_numpy().tolist()
            )
            rows = "\n".join(f"<tr>{line}</tr>" for line in lines)
            body.append(
                f"<div><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
            )
        body += [f'<p class="warning">{html.escape(warning)}</p>' for warning in section.warnings]
    title = html.escape(sections[0].heading)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" '
        'content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )
