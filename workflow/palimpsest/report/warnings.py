"""Warnings of the summary: as its page shows them, and found there again for who reads no page."""

from __future__ import annotations

import html
import re
from pathlib import Path

MARK = '<p class="warning">{}</p>'
MARKED = re.compile(MARK.format("(.*?)"), flags=re.DOTALL)


def marked(warning: str) -> str:
    return MARK.format(html.escape(warning))


def warnings_in(page: Path) -> list[str]:
    """None where there is no page."""
    if not page.is_file():
        return []
    return [html.unescape(one) for one in MARKED.findall(page.read_text(encoding="utf-8"))]
