"""Pages for people: what is made of plain texts, and that a figure stands above its caption."""

from __future__ import annotations

import base64
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from palimpsest.plots.registry import FIGURES
from palimpsest.report import pages
from palimpsest.steps.draw import page
from palimpsest.study.wants.figures import caption


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*By chance* is luck", "<em>By chance</em> is luck"),
        ("use `a: {b: c}` or ``d``", "use <code>a: {b: c}</code> or <code>d</code>"),
        ("`*` is code", "<code>*</code> is code"),
        ("2 * 3 * 4, a*b*c", "2 * 3 * 4, a*b*c"),
        ("(*n*), *a b*.", "(<em>n</em>), <em>a b</em>."),
        ("<b> & `<i>`", "&lt;b&gt; &amp; <code>&lt;i&gt;</code>"),
    ],
)
def test_marks_in_texts(text, shown):
    assert pages.inline(text) == shown


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


@pytest.mark.parametrize("figure", FIGURES)
def test_captions_read_as_snakemake_shows_them(figure):
    """Behind the second button of the report stands what docutils makes of the same file."""
    docutils = pytest.importorskip("docutils.core")
    ours = "".join(pages.paragraphs(caption(figure)))
    theirs = docutils.publish_parts(caption(figure), writer_name="html")["body"]
    assert text_of(ours) == text_of(theirs)
    assert ours.count("<em>") == theirs.count("<em>") and not re.search("[*`]", text_of(ours))


class Seen(HTMLParser):
    """Tags with their attributes, and texts, in their order."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.found.append(data.strip())


def test_a_figure_stands_above_its_caption():
    settings = {"study": "<s>", "shows": "A & B", "caption": "One *thing*.\n\nAnother."}
    files = [Path("results/s/figures/f.svg"), Path("results/s/tables/f.csv")]
    found = Seen(page(b"<svg/>", settings, files)).found
    tags = [one[0] for one in found if isinstance(one, tuple)]
    assert tags.index("h1") < tags.index("img") < tags.index("figcaption") < tags.index("em")
    image = dict(one for one in found if isinstance(one, tuple))["img"]
    assert base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,")) == b"<svg/>"
    assert image["alt"] == "A & B: <s>. Its numbers: results/s/tables/f.csv"
    texts = [one for one in found if isinstance(one, str)]
    assert {"A & B: <s>", "Another.", "results/s/figures/f.svg"} <= set(texts)


def test_a_page_needs_nothing_else():
    html = pages.document("t", [*pages.table(["a"], [["b"]], "prose"), *pages.facts({"c": "d"})])
    found = [one for one in Seen(html).found if isinstance(one, tuple)]
    assert ("html", {"lang": "en"}) in found
    assert ("th", {"scope": "col"}) in found and ("th", {"scope": "row"}) in found
    assert not {"script", "link"} & {tag for tag, _ in found} and "http" not in html
