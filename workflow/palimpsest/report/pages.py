"""Pages of html for people. Each needs nothing else: no script, no file beside it, no network."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable

STYLE = """
body { font: 13px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 2em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
p, li { max-width: 52em }
figure { margin: 0 }
img { max-width: 100% }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3em .7em; text-align: left; white-space: nowrap; border-bottom: 1px solid #ddd }
thead th { border-bottom: 2px solid #555; vertical-align: bottom; white-space: normal }
tbody th { vertical-align: top }
tbody tr:hover { background: #f4f4f4 }
.prose td { white-space: normal; max-width: 60em; overflow-wrap: break-word }
.warning { border-left: 4px solid #d55e00; padding-left: .8em }
@media print {
  body { margin: 0; font-size: 9pt }
  .wide { overflow: visible }
  th, td { white-space: normal; overflow-wrap: anywhere; padding: .2em .4em }
  tr, img { break-inside: avoid } h1, h2 { break-after: avoid }
}
"""


def document(title: str, body: Iterable[str]) -> str:
    """title: plain text; body: lines of html."""
    head = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
    ]
    return "\n".join([*head, *body, "</main>", "</body>", "</html>"]) + "\n"


def inline(text: str) -> str:
    """Plain text with *emphasis* and `code` (``code`` in captions, as reStructuredText has it)."""
    parts = re.split(r"(``.+?``|`.+?`)", text, flags=re.DOTALL)
    for place, part in enumerate(parts):
        plain = html.escape(part)
        if place % 2:
            parts[place] = f"<code>{plain.strip('`')}</code>"
        else:  # a star that stands alone, as in a product, is none
            parts[place] = re.sub(r"(?<!\w)\*(?=\S)(.+?)(?<=\S)\*(?!\w)", r"<em>\1</em>", plain)
    return "".join(parts)


def paragraphs(text: str) -> list[str]:
    """Paragraphs of such a text, which empty lines part."""
    return [f"<p>{inline(one)}</p>" for one in re.split(r"\n\s*\n", text.strip()) if one]


def bullets(points: Iterable[str]) -> list[str]:
    lines = [f"<li>{inline(one)}</li>" for one in points]
    return ["<ul>", *lines, "</ul>"] if lines else []


def figure(picture: bytes, what: str, caption: str) -> list[str]:
    """A picture, of svg, with its caption below it. what: in words, for who cannot see it."""
    uri = f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"
    return [
        "<figure>",
        f'<img src="{uri}" alt="{html.escape(what)}">',
        "<figcaption>",
        *paragraphs(caption),
        "</figcaption>",
        "</figure>",
    ]


def table(head: Iterable[str], rows: Iterable[Iterable[str]], *kind: str) -> list[str]:
    """A table whose cells are html. It scrolls by itself where it is wider than the page, with the
    keyboard too. kind: "prose" for cells of text, which wrap."""
    names = "".join(f'<th scope="col">{name}</th>' for name in head)
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return [
        f'<div class="{" ".join(["wide", *kind])}" tabindex="0"><table>',
        f"<thead><tr>{names}</tr></thead>",
        "<tbody>",
        *(f"<tr>{line}</tr>" for line in lines),
        "</tbody></table></div>",
    ]


def facts(rows: dict[str, str]) -> list[str]:
    """A table of names and what is said of each, as html."""
    lines = (f'<tr><th scope="row">{name}</th><td>{one}</td></tr>' for name, one in rows.items())
    return ['<div class="wide prose"><table><tbody>', *lines, "</tbody></table></div>"]
