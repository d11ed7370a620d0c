"""All numbers of a study -> the one tidy table, a summary for people, and a small table for each figure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import NormalDist

import pandas as pd

from palimpsest.data.storage import read_parquet, write_parquet
from palimpsest.files import replacing, write_text
from palimpsest.metrics import METRICS
from palimpsest.selections import SELECTIONS
from palimpsest.summary import as_html, as_markdown, summarise
from palimpsest.tables import COLUMNS, over_seeds, table

EPSILON_COLUMNS = ["seed", "method", "shards", "family", "eps", "set", "cost", "gap"]


def add_arguments(parser) -> None:
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="parquet files of numbers")
    parser.add_argument("--epsilon", type=Path, nargs="*", default=[], help="parquet files of cost over the allowed gap")
    for name in ("parquet", "csv", "summary", "html"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--figure", type=Path, nargs="*", default=[], help="csv of a figure, which its stem names")


def run(args) -> None:
    """settings: `states` (the newest last), `families` (fitted ones), and `level` of the intervals (0.95)."""
    level = args.settings.get("level", 0.95)
    metrics = tidy((read_parquet(path) for path in args.metrics), level)
    epsilon = joined((read_parquet(path) for path in args.epsilon), EPSILON_COLUMNS)
    write_parquet(metrics, args.parquet)
    write_csv(metrics, args.csv, digits=9)
    sections = summarise(metrics, args.settings)
    write_text(args.summary, as_markdown(sections))
    write_text(args.html, as_html(sections))
    for path in args.figure:
        write_csv(SELECTIONS[path.stem](metrics, epsilon, args.settings), path, digits=6)


def joined(frames: Iterable[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Frames of the same columns one below the other; empty ones have no types and are left out."""
    held = [frame for frame in frames if len(frame)]
    return pd.concat(held, ignore_index=True)[columns] if held else pd.DataFrame(columns=columns)


def tidy(frames: Iterable[pd.DataFrame], level: float) -> pd.DataFrame:
    """The tidy table: every seed, and below them the rows over all seeds."""
    seeds = table(joined(frames, COLUMNS).to_dict("records"))  # in order, for the last bits of a mean depend on it
    merged = within_range(over_seeds(seeds, NormalDist().inv_cdf((1 + level) / 2)))
    return table(pd.concat([seeds, merged]).to_dict("records"))


def within_range(frame: pd.DataFrame) -> pd.DataFrame:
    """Intervals cut to what their metric can be: the normal ones over seeds know nothing of that."""
    low, high = (frame["metric"].map({name: getattr(metric, end) for name, metric in METRICS.items()}) for end in ("low", "high"))
    return frame.assign(ci_low=frame["ci_low"].clip(lower=low), ci_high=frame["ci_high"].clip(upper=high))


def write_csv(frame: pd.DataFrame, path: Path, digits: int) -> None:
    """``digits`` significant ones, so that the last bits of a sum neither fill a page nor redraw a figure."""
    with replacing(path) as beside:
        frame.to_csv(beside, index=False, float_format=f"%.{digits}g", lineterminator="\n")
