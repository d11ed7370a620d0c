from __future__ import annotations

import pandas as pd

from palimpsest.report.cells import lookup, shown
from palimpsest.report.rows import newest
from palimpsest.report.shown import in_method_order, method_of
from palimpsest.report.summary import Section

SCOPE = "last words, "
ATTACKED: dict[str, tuple[str, str]] = {}


def findings(metrics: pd.DataFrame, settings: dict):
    return ()


def sections(metrics: pd.DataFrame, settings: dict):
    now = newest(metrics, settings)
    forgotten = lookup(now, "forget")
    rows = [
        {
            "method": method_of(name).label,
            "said": shown(forgotten, name, "1x1", "", "probability"),
        }
        for name in in_method_order(now["method"])
    ]
    yield Section("Last words", "", pd.DataFrame(rows))
