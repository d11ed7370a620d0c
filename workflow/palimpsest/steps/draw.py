"""Numbers -> the small table of one figure, and the figure in every format that is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from palimpsest.data.storage import read_parquet
from palimpsest.files import read_json
from palimpsest.methods.shown import tell
from palimpsest.plots import style as common
from palimpsest.tables import TRUTH_COLUMNS, joined, unattacked, write_csv

EPSILON_COLUMNS = ["seed", "method", "shards", "family", "eps", "set", "cost", "gap"]
WATCHED_SETS = ("forget", "retain", "extra", "relearnt")
WATCHED_COLUMNS = [
    "seed", "request", "method", "attack", "update", "set", "metric", "value",
]  # fmt: skip
# A group may be called 'None', '1' or 'NA': such columns are read as they stand.
TEXTS = (
    "seed",
    "request",
    "method",
    "attack",
    "shards",
    "set",
    "metric",
    "family",
    "group",
    "when",
)


def add_arguments(parser) -> None:
    parser.add_argument(
        "--metrics", type=Path, help="tidy table; without it the csv is drawn as it is"
    )
    parser.add_argument(
        "--epsilon",
        type=Path,
        nargs="*",
        default=[],
        help="parquet files of cost over the allowed gap",
    )
    parser.add_argument(
        "--training",
        type=Path,
        nargs="*",
        default=[],
        help="training.json of what methods or attacks made",
    )
    parser.add_argument(
        "--truth",
        type=Path,
        nargs="*",
        default=[],
        help="parquet files of truth ratios, item by item",
    )
    parser.add_argument("--data", type=Path, required=True, help="csv of what the figure shows")
    parser.add_argument(
        "--output",
        type=Path,
        nargs="+",
        required=True,
        help="files to write, of suffix png, svg or pdf",
    )


def run(args) -> None:
    """settings: `figure` (its module), `further` (what else it is drawn from), `width` (inches),
    `dpi` (of png); `states` (the newest last), `families` (fitted ones), and `methods` as they are
    shown."""
    figure = importlib.import_module(args.settings["figure"])
    tell(args.settings["methods"])
    if args.metrics:
        metrics = unattacked(read_parquet(args.metrics))
        further = further_table(args, args.settings["further"])
        write_csv(figure.select(metrics, further, args.settings), args.data, digits=6)
    with common.styled():
        made = drawn(figure, read(args.data), args.settings)
        for path in args.output:
            common.save(made, path)


def further_table(args, kind: str) -> pd.DataFrame:
    """What a figure is drawn from besides the tidy table (figures.py)."""
    if kind in ("training", "attacks"):
        return watched(read_json(path, "names", "watched") for path in args.training)
    paths, columns = {
        "": ([], []),
        "epsilon": (args.epsilon, EPSILON_COLUMNS),
        "truth": (args.truth, TRUTH_COLUMNS),
    }[kind]
    return joined((read_parquet(path) for path in paths), columns)


def watched(reports: Iterable[dict]) -> pd.DataFrame:
    """seed, request, method, attack, update, set, metric, value: what was watched while methods
    trained, or while an attack did on what they left."""
    rows = []
    for report in reports:
        _, seed, *attack, method, request = report["names"]
        for numbers in report["watched"]:
            for key, value in numbers.items():
                set_, _, metric = key.partition("_")
                if set_ in WATCHED_SETS:
                    where = (seed, request, method, *(attack or [""]))
                    rows.append((*where, numbers["update"], set_, metric, value))
    return pd.DataFrame(rows, columns=WATCHED_COLUMNS)


def drawn(figure, frame: pd.DataFrame, style: dict):
    """The figure of a small table, by the module of the figure."""
    return common.empty(style) if frame.empty else figure.draw(frame, style)


def read(path: Path) -> pd.DataFrame:
    """The small table; empty texts are empty texts, empty numbers NaN."""
    frame = pd.read_csv(
        path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""]
    )
    texts = frame.columns.intersection(TEXTS)
    return frame.assign(**{name: frame[name].fillna("") for name in texts})
