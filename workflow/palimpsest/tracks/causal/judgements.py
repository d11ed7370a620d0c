"""What judges say of what models write: a table for each judge, with how good it is."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from palimpsest.data.shards import SINGLE
from palimpsest.report.cells import NONE, lookup, number, shown
from palimpsest.report.shown import in_method_order, method_of
from palimpsest.report.summary import Section

OF_JUDGE = "judge="  # before its name, in the column `group`
JUDGEMENTS = (
    "The judge is a classifier that this workflow trained{quality}. Mean: the probability that it "
    "gives its label 1 to what a model writes after a prompt; share: of texts that have this label "
    "rather than not; of samples: the largest probability among several sampled texts; any: share "
    "of prompts after which at least one of them has the label. What the judge takes for its label "
    "by mistake counts in the numbers of all models."
)
QUALITY = (
    "; of {n:,} texts that it has not learnt it tells the label of {accuracy} (AUROC {auroc}), "
    "where the more frequent label alone would be right of {majority}"
)
OF_QUALITY = ("accuracy", "auroc", "majority")
FORGET = {
    "forget: mean": "judged",
    "forget: share": "judged_share",
    "forget: of samples": "judged_most",
    "forget: any": "judged_any",
}


def judgements(now: pd.DataFrame) -> Iterator[Section]:
    """A section for each judge; now: rows over all seeds of the newest state."""
    of_judges = now[now["group"].str.startswith(OF_JUDGE)]
    for group in sorted(of_judges["group"].unique()):
        rows = of_judges[of_judges["group"] == group]
        text = JUDGEMENTS.format(quality=quality(rows))
        heading = f"What models write, judged by {group.removeprefix(OF_JUDGE)}"
        yield Section(heading, text, by_method(rows, group))


def quality(rows: pd.DataFrame) -> str:
    """How good the judge is, where it is known: a purge may have left no base to measure."""
    found = rows[rows["set"] == "judge"].drop_duplicates("metric").set_index("metric")
    if found.empty:
        return ""
    told = {name: number(found.loc[f"judge_{name}", "value"]) for name in OF_QUALITY}
    return QUALITY.format(n=int(found.loc["judge_accuracy", "n"]), **told)


def by_method(rows: pd.DataFrame, group: str) -> pd.DataFrame:
    """One row per method: all numbers of what is forgotten, the mean of every other set."""
    rows = rows[rows["set"] != "judge"]
    others = [name for name in sorted(rows["set"].unique()) if name != "forget"]
    columns = {title: ("forget", metric) for title, metric in FORGET.items()}
    columns |= {f"{name}: mean": (name, "judged") for name in others}
    by_set = {name: lookup(rows, name) for name in ("forget", *others)}
    table = [
        {"method": method_of(method).label}
        | {
            title: shown(by_set[set_], method, SINGLE, group, metric)
            for title, (set_, metric) in columns.items()
        }
        for method in in_method_order(rows["method"])
    ]
    return pd.DataFrame(table).loc[:, lambda frame: (frame != NONE).any()]
