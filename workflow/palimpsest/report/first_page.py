"""The first page of Snakemake's report, as parts of html: what was found, how it was made, and with
which settings."""

from __future__ import annotations

import html
from collections.abc import Iterable

from palimpsest.report import pages

# Snakemake sets its own graph beside the text, centres both and cuts off the top of what is longer
# than the window. It shows this page again whenever its menu asks for it, and this style goes with
# the page. Its graph lists the rules one below the other, each with its code: it stays, at the end.
STYLE = """
<style>
.prose { max-width: 64rem !important }
.prose svg { max-width: 100%; height: auto }
.prose .warning { border-left: 4px solid #d55e00; padding-left: .8em }
.prose .wide { overflow-x: auto }
.prose td { overflow-wrap: break-word }
.prose td code { font-weight: normal }
.prose code::before, .prose code::after { content: none !important }
div:has(> div > #rulegraph) { align-items: flex-start }
div:has(> #rulegraph) { flex-direction: column }
#rulegraph { max-height: none }
</style>
"""


def found(studies: dict[str, str], categories: Iterable[str]) -> str:
    """studies: name -> what was found, as html; categories: of the results in the report's menu."""
    links = ", ".join(
        f"<a href=\"javascript:app.showCategory('{name}')\">{html.escape(name)}</a>"
        for name in sorted(categories)
    )
    lines = [STYLE, "<h1>What was found</h1>"]
    for name, findings in studies.items():
        lines += [f"<h2>Study {html.escape(name)}</h2>", findings]
    return "\n".join([*lines, f"<p>All results: {links}.</p>"])


def drawn(graph: str) -> str:
    """graph: svg of the rules."""
    return "\n".join(
        [
            "<h2>How it was made</h2>",
            "<p>From records, at the top, to figures and certificates: each box is a rule, each "
            "arrow leads from what it makes to what is made of it. Arrows that a longer way "
            "implies are left out.</p>",
            graph,
        ]
    )


def settings(studies: dict[str, list[tuple[str, str, bool, str]]]) -> str:
    """studies: name -> (key, value, whether it is not the default, what it means)."""
    lines = ["<h2>Settings</h2>"]
    for name, rows in studies.items():
        cells = (
            [
                f"<code>{html.escape(key)}</code>",
                f"<code>{html.escape(value)}</code>",
                "" if given else "default",
                pages.inline(means),
            ]
            for key, value, given, means in rows
        )
        lines += [
            f"<details><summary>Settings of the study {html.escape(name)}, as it has them when "
            "this report is made</summary>",
            *pages.table(["key", "value", "", "what it means"], cells, "prose"),
            "</details>",
        ]
    return "\n".join(lines)
